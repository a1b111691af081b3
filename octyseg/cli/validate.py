"""`octyseg validate`: hold a file of definitions against the rules, alone, without any log."""

from octyseg.cli.options import File, Form
from octyseg.cli.output import print_json, print_table, warn
from octyseg.cli.session import begin, definitions_in


def validate(file: File, output: Form = "table") -> None:
    """Say everything that is wrong with a file of definitions. Event types declared elsewhere are not known here."""
    definitions = definitions_in(file, begin())
    warn(definitions.warnings)
    found = [("segment", segment.segment_name) for segment in definitions.segments]
    found += [("event type", declared.event_type) for declared in definitions.event_types]
    found += [("account", "default")] if definitions.account else []
    if output == "json":
        valid = [{"kind": kind, "name": name} for kind, name in found]
        print_json({"valid": valid, "warnings": definitions.warnings})
    else:
        print_table(("VALID", "NAME"), found)
