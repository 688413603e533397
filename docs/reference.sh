#!/bin/bash
# Builds the reference of the library from the comments of its headers: build/reference/html.
#
# Fails if Doxygen warns, such as of a public name without a comment. Doxygen 1.9 warns of no
# enumerator, constructor or destructor without one, so its XML is searched for these. A comment
# begins with what the name is or does, never with "Is".
set -euo pipefail
cd "$(dirname "$0")/.."
tests/support/install-deps.sh doxygen python3
rm -rf build/reference
mkdir -p build/reference
doxygen docs/Doxyfile

python3 - build/reference/xml << 'END'
import pathlib, sys, xml.etree.ElementTree as ET


def text(element):
    return "" if element is None else " ".join("".join(element.itertext()).split())


def comment(element):
    return text(element.find("briefdescription")) or text(element.find("detaileddescription"))


kinds = ("namespace", "concept", "class", "struct", "union")
compounds = {}
for file in pathlib.Path(sys.argv[1]).glob("*.xml"):
    for compound in ET.parse(file).getroot().iterfind("compounddef"):
        if compound.get("kind") in kinds:
            compounds[text(compound.find("compoundname"))] = compound


def is_public(name):
    parts = name.split("::")
    outer = (compounds.get("::".join(parts[:n])) for n in range(1, len(parts) + 1))
    return parts[0] == "rathole" and all(c is None or c.get("prot") != "private" for c in outer)


def names(name, compound):
    """Each public name with its element and its place."""
    yield name, compound, compound.find("location")
    for member in compound.iter("memberdef"):
        if member.get("prot") == "private" or member.get("kind") == "friend":
            continue
        if text(member.find("argsstring")).endswith("=delete"):
            continue
        member_name = name + "::" + text(member.find("name"))
        yield member_name, member, member.find("location")
        for value in member.iterfind("enumvalue"):
            yield member_name + "::" + text(value.find("name")), value, member.find("location")


count, faults = 0, []
for name, compound in compounds.items():
    for full_name, element, place in names(name, compound) if is_public(name) else ():
        count += 1
        said = comment(element)
        if not said or said.startswith("Is "):
            what = "has no comment" if not said else 'has a comment that begins with "Is"'
            faults.append(f"{place.get('file')}:{place.get('line')}: {full_name} {what}")
print("\n".join(sorted(faults)) or f"{count} public names, each with a comment")
sys.exit(bool(faults))
END
echo "build/reference/html/index.html"
