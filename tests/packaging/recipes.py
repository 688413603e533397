#!/usr/bin/env python3
"""Checks that the recipes of package managers agree with the build of the library.

    recipes.py <root of the project>

The recipe of Conan is imported with a stand-in for Conan, which records what the recipe asks for, so
this needs neither Conan nor vcpkg. conan.sh and vcpkg.cmake show that the recipes work.
"""

import importlib.util
import json
import pathlib
import re
import sys
import types

root = pathlib.Path(sys.argv[1])
problems = []


def check(is_right, what):
    if not is_right:
        problems.append(what)


def text(name):
    return (root / name).read_text(encoding="utf-8")


header = text("include/rathole/version.hpp")
version = ".".join(
    re.search(rf"#define RATHOLE_VERSION_{part} (\d+)", header)[1]
    for part in ("MAJOR", "MINOR", "PATCH")
)
parts = {name.lower() for name in re.findall(r"\bRATHOLE_WITH_([A-Z]+)\b", text("CMakeLists.txt"))}
macros = dict(
    re.findall(r"set\(rathole_macros_of_(\w+) (RATHOLE_WITH_\w+=1)\)", text("cmake/rathole_targets.cmake"))
)
# The admin API is a part of the program, which the recipes do not build.
parts.remove("admin")
macros.pop("admin")
check(len(parts) == 5 and len(macros) == 4, f"CMake has the parts {parts} with the macros {macros}")

# vcpkg
port = json.loads(text("packaging/vcpkg/rathole/vcpkg.json"))
portfile = text("packaging/vcpkg/rathole/portfile.cmake")
check(port["version"] == version, f"vcpkg.json has version {port['version']} instead of {version}")
check(set(port["features"]) == parts, f"vcpkg.json has the features {sorted(port['features'])}")
check(set(port["default-features"]) == parts, "a feature of vcpkg.json is not a default")
check(
    set(re.findall(r"^    (\w+) RATHOLE_WITH_(\w+)", portfile, re.M))
    == {(part, part.upper()) for part in parts},
    "portfile.cmake does not pass each feature on",
)
for name in [port["name"], *port["features"]]:
    check(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), f"vcpkg does not accept the name {name}")


# Conan
class Part:
    def __init__(self):
        self.properties, self.requires, self.defines, self.system_libs = {}, [], [], []

    def set_property(self, name, value):
        self.properties[name] = value


class Components(dict):
    def __missing__(self, name):
        return self.setdefault(name, Part())


class Options(dict):
    __getattr__ = dict.__getitem__
    get_safe = dict.get

    def rm_safe(self, name):
        self.pop(name, None)


class ConanFile:
    def __init__(self, **chosen):
        self.options = Options(self.default_options, **chosen)
        self.settings = Options({"os": "Linux", "compiler": "gcc", "compiler.cppstd": "23"})
        self.cpp_info = Part()
        self.cpp_info.components = Components()
        self.recipe_folder = root / "packaging" / "conan"
        self.required = []

    def requires(self, reference, **_):
        self.required.append(reference.split("/")[0])


def stand_in(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


stand_in("conan", ConanFile=ConanFile)
stand_in("conan.errors", ConanInvalidConfiguration=ValueError)
stand_in("conan.tools")
stand_in("conan.tools.build", check_min_cppstd=lambda recipe, least: check(least == 23, "not C++23"))
stand_in("conan.tools.files", copy=None, load=lambda recipe, path: pathlib.Path(path).read_text())
spec = importlib.util.spec_from_file_location("recipe", root / "packaging/conan/conanfile.py")
recipe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recipe)


def package(**chosen):
    """Runs the steps of Conan that do not touch files."""
    made = recipe.RatholeConan(**chosen)
    made.set_version()
    made.configure()
    made.validate()
    made.requirements()
    made.package_info()
    return made


everything = package()
nothing = package(**{part: False for part in parts})
check(everything.version == version, f"conanfile.py has version {everything.version}")
check(set(everything.default_options) == parts, "conanfile.py has other options than CMake")
check(sorted(everything.required) == ["asio", "botan", "openssl", "tomlplusplus"], "other packages")
check(nothing.required == ["asio"], f"with no part it requires {nothing.required}")
for made, chosen in ((everything, parts), (nothing, set())):
    components = made.cpp_info.components
    check(set(components) == {"core", "asio", "sim"} | chosen, f"it has the components {set(components)}")
    for name, component in components.items():
        wanted = [macros[name]] if name in macros else []
        defines = [each for each in component.defines if each.startswith("RATHOLE_")]
        check(defines == wanted, f"{name} defines {defines} instead of {wanted}")
        target = component.properties.get("cmake_target_name")
        check(target == f"rathole::{name}", f"the target of {name} is {target}")
without_tls = package(tls=False)
check("openssl" not in without_tls.cpp_info.components, "OpenSSL without the transport tls")

# The features of vcpkg need the same packages.
for part in parts:
    made = package(**{other: other == part or (part, other) == ("openssl", "tls") for other in parts})
    needs = {each for each in port["features"][part].get("dependencies", []) if isinstance(each, str)}
    if part == "openssl":
        needs |= set(port["features"]["tls"]["dependencies"])
    check(set(made.required) - {"asio"} == needs, f"{part}: {made.required} and {needs}")

print("\n".join(problems) if problems else "the recipes agree with the build")
sys.exit(1 if problems else 0)
