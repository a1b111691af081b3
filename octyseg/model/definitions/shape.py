"""What all definition models share: strict JSON types, both spellings of a key, no unknown keys.

A field `exp_timeframe` is read as `expTimeframe` or `exp_timeframe` and written as the latter.
Models are the shape of a definition, not its sense: that is for octyseg.model.rules.
"""

from typing import Annotated

from pydantic import AliasGenerator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

PropertyValue = str | int | float | bool | None


def _shortest(amount: float) -> int | float:
    """The amount as people write it: 5, not 5.0."""
    return int(amount) if float(amount).is_integer() else amount


Amount = Annotated[float, PlainSerializer(_shortest)]


def written_name(field: str) -> str:
    """The snake_case key of a field; fields whose key is a Python word end in an underscore."""
    return field.rstrip("_")


def camel_name(field: str) -> str:
    """The camelCase key of a field, the one that YAML files use."""
    return to_camel(written_name(field))


class Shape(BaseModel):
    """A frozen value of a definition file or of the definitions topic."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=AliasGenerator(validation_alias=camel_name, serialization_alias=written_name),
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )
