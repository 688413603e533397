# Installs the systemd units of the folder `units` into `folder`, so that they start `program`.

file(GLOB unit_files ${units}/*.service)
foreach(unit_file IN LISTS unit_files)
  cmake_path(GET unit_file FILENAME name)
  file(READ ${unit_file} text)
  string(REPLACE "ExecStart=/usr/bin/rathole " "ExecStart=${program} " text "${text}")
  message(STATUS "Installing: $ENV{DESTDIR}${folder}/${name}")
  file(WRITE $ENV{DESTDIR}${folder}/${name} "${text}")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${folder}/${name})
endforeach()
