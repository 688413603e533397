# Installs below `folder` what `program`, which is installed already, says of its command line: the manual
# page, and completions for shells.

foreach(description IN ITEMS
    "man man/man1/rathole.1"
    "bash bash-completion/completions/rathole"
    "zsh zsh/site-functions/_rathole"
    "fish fish/vendor_completions.d/rathole.fish")
  string(REPLACE " " ";" description "${description}")
  list(GET description 0 form)
  list(GET description 1 name)
  execute_process(COMMAND ${program} --describe ${form} OUTPUT_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${program} --describe ${form}: ${status}")
  endif()
  message(STATUS "Installing: ${folder}/${name}")
  file(WRITE ${folder}/${name} "${text}")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${folder}/${name})
endforeach()
