"""scikit-learn's conventions for objects with parameters, without importing scikit-learn.

Importing it (with SciPy's statistics and pandas, which it imports) takes longer than everything
else that `campaign status` does. What scikit-learn asks of an estimator is a protocol, not a base
class; only the tags are scikit-learn's own, and are made when it asks for them.
"""

from __future__ import annotations

import inspect
import reprlib
from typing import Any, Self


class Estimator:
    """An object whose parameters are the arguments of its constructor, kept as they were given."""

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        """Names of the parameters and their defaults, sorted by name."""
        init = cls.__init__
        if init is object.__init__:
            return {}
        given = list(inspect.signature(init).parameters.values())[1:]
        return {one.name: one.default for one in sorted(given, key=lambda one: one.name)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with ``deep`` also those of parameters that have some."""
        found: dict[str, Any] = {}
        for name in self._parameters():
            value = found[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found |= {f"{name}__{key}": one for key, one in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; ``outer__inner`` is the parameter of a parameter.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            if outer not in self._parameters():
                raise ValueError(
                    f"{type(self).__name__} has no parameter {outer!r}; it has: "
                    f"{', '.join(self._parameters()) or 'none'}"
                )
            if inner:
                getattr(self, outer).set_params(**{inner: value})
            else:
                setattr(self, outer, value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{name}={reprlib.repr(getattr(self, name))}"
            for name, default in self._parameters().items()
            if getattr(self, name) is not default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.base import BaseEstimator

        return BaseEstimator().__sklearn_tags__()
