"""A configuration file that changes in every way in which files change."""

import os


class EditedFile:
    """`path` is what a program was started with: a file, or a symlink that leads to one."""

    def __init__(self, folder, name, text):
        self.path = os.path.join(folder, name)
        self._name = name
        self._folder = folder
        # In the same file system, so that a rename is atomic.
        self._elsewhere = os.path.join(folder, "elsewhere")
        os.makedirs(self._elsewhere, exist_ok=True)
        self._number = 0
        self.rename_over(text)

    def in_place(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def rename_over(self, text):
        os.replace(self._write(self._folder, text), self.path)

    def move_from_elsewhere(self, text):
        os.replace(self._write(self._elsewhere, text), self.path)

    def remove_and_create(self, text):
        os.remove(self.path)
        self.in_place(text)

    def swap_symlink(self, text):
        """The path becomes a symlink to a new file in another folder."""
        self._point(self.path, self._write(self._elsewhere, text))

    def swap_data(self, text):
        """As Kubernetes changes a ConfigMap: the path stays a symlink into `..data`, a symlink to a
        folder; that one is replaced."""
        data = os.path.join(self._folder, f"..{self._name}.data")
        through = os.path.join(os.path.basename(data), self._name)
        old = os.path.realpath(data)
        self._number += 1
        new = os.path.join(self._folder, f"..{self._name}.{self._number}")
        os.mkdir(new)
        os.rename(self._write(new, text), os.path.join(new, self._name))
        self._point(data, os.path.basename(new))
        if not os.path.islink(self.path) or os.readlink(self.path) != through:
            self._point(self.path, through)
        if old != data:
            os.remove(os.path.join(old, self._name))
            os.rmdir(old)

    WAYS = {"in place": in_place, "renamed over": rename_over, "moved": move_from_elsewhere,
            "removed, created": remove_and_create, "symlink": swap_symlink, "..data": swap_data}

    def write(self, way, text):
        self.WAYS[way](self, text)

    def _write(self, folder, text):
        self._number += 1
        path = os.path.join(folder, f"{self._name}.{self._number}.new")
        with open(path, "w") as file:
            file.write(text)
        return path

    def _point(self, link, target):
        self._number += 1
        made = os.path.join(self._folder, f"{self._name}.{self._number}.link")
        os.symlink(target, made)
        os.replace(made, link)
