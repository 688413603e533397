"""A recipe for Conan 2, which packages the sources that it is a part of.

    conan create packaging/conan -s compiler.cppstd=23 --build=missing
"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class RatholeConan(ConanFile):
    name = "rathole"
    description = "Tunnels to services behind NAT, header-only"
    license = "Apache-2.0"
    topics = ("tunnel", "nat", "reverse-proxy", "asio", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    # The parts, by the names of the components in CMake; core, asio and sim are always there.
    options = {
        "config": [True, False],
        "noise": [True, False],
        "tls": [True, False],
        "openssl": [True, False],
        "websocket": [True, False],
    }
    default_options = {part: True for part in options}
    no_copy_source = True

    def _sources(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        header = load(self, os.path.join(self._sources(), "include", "rathole", "version.hpp"))
        numbers = [
            re.search(rf"#define RATHOLE_VERSION_{part} (\d+)", header)[1]
            for part in ("MAJOR", "MINOR", "PATCH")
        ]
        self.version = ".".join(numbers)

    def export_sources(self):
        for pattern in ("LICENSE", "include/*.hpp"):
            copy(self, pattern, self._sources(), self.export_sources_folder)

    def configure(self):
        # OpenSSL is an engine of TLS.
        if not self.options.tls:
            self.options.rm_safe("openssl")

    def requirements(self):
        self.requires("asio/[>=1.22 <2]", transitive_headers=True)
        if self.options.config:
            self.requires("tomlplusplus/[>=3.3 <4]", transitive_headers=True)
        if self.options.noise or self.options.tls:
            self.requires("botan/[>=2.19 <4]", transitive_headers=True, transitive_libs=True)
        if self.options.get_safe("openssl"):
            self.requires("openssl/[>=3 <4]", transitive_headers=True, transitive_libs=True)

    def package_id(self):
        self.info.settings.clear()

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("rathole runs on Linux only")
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 23)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(
            self,
            "*.hpp",
            os.path.join(self.source_folder, "include"),
            os.path.join(self.package_folder, "include"),
        )

    def package_info(self):
        def component(name, requires, defines=()):
            info = self.cpp_info.components[name]
            info.set_property("cmake_target_name", f"rathole::{name}")
            info.requires = list(requires)
            info.defines = list(defines)
            info.bindirs = []
            info.libdirs = []
            return info

        self.cpp_info.set_property("cmake_file_name", "rathole")
        self.cpp_info.set_property("cmake_target_name", "rathole::rathole")
        component("core", [])
        # Asio 1.22 does not see that clang with libstdc++ has coroutines.
        clang = ["ASIO_HAS_CO_AWAIT", "ASIO_HAS_STD_COROUTINE"]
        is_clang = self.settings.get_safe("compiler") == "clang"
        macros = ["ASIO_STANDALONE", "ASIO_DISABLE_STD_ALIGNED_ALLOC", *(clang if is_clang else [])]
        asio = component("asio", ["core", "asio::asio"], macros)
        asio.system_libs = ["pthread"]
        component("sim", ["asio"])
        if self.options.config:
            component("config", ["core", "tomlplusplus::tomlplusplus"])
        if self.options.noise:
            component("noise", ["core", "botan::botan"], ["RATHOLE_WITH_NOISE=1"])
        if self.options.tls:
            component("tls", ["core", "botan::botan"], ["RATHOLE_WITH_TLS=1"])
        if self.options.get_safe("openssl"):
            component("openssl", ["tls", "openssl::openssl"], ["RATHOLE_WITH_OPENSSL=1"])
        if self.options.websocket:
            component("websocket", ["core"], ["RATHOLE_WITH_WEBSOCKET=1"])
