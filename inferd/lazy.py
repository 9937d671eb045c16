"""Packages whose own ``__init__`` runs only when something of it is wanted, and not for the sake of a submodule."""

import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from types import ModuleType


class _Package(ModuleType):
    """Becomes the package it stands for when it is asked for a name that is no submodule's."""

    def __getattr__(self, name: str) -> object:
        if name == "__version__":
            # What many submodules ask of their package. To find it out takes some milliseconds.
            return version(self.__name__)
        if find_spec(f"{self.__name__}.{name}") is not None:
            return import_module(f"{self.__name__}.{name}")
        self.__class__ = ModuleType  # type: ignore[assignment]  # a plain module from now on
        spec = self.__spec__
        assert spec is not None and spec.loader is not None  # as found by defer
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer(name: str) -> None:
    """Lets submodules of the installed package ``name`` be imported without it; whatever is imported already stays.

    importlib.util.LazyLoader does the same for modules, but runs a package as soon as a submodule is looked for.
    """
    spec = find_spec(name)
    if name in sys.modules or spec is None:
        return
    package = module_from_spec(spec)
    package.__class__ = _Package
    sys.modules[name] = package
