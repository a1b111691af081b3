"""A definitions topic in a list: apply files to it, delete from it, fold it."""

from itertools import count

from octyseg.model.definitions.deletion import plan_delete
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.registry import Registry
from tests.model.written import read


class Topic:
    """The records of the topic, and a clock that goes one millisecond on with every change."""

    def __init__(self):
        self.records = []
        self._ids = count(1)
        self._clock = count(1000)

    @property
    def registry(self):
        return Registry.fold(self.records)

    def new_id(self):
        return f"segment_{next(self._ids):08x}"

    def plan(self, text, **settings):
        """What applying the text would do, with the account's event types known."""
        known = {"event_types": self.registry.declared()}
        return self.plan_for(read(text, **known), **settings)

    def plan_for(self, definitions, **settings):
        return plan(self.registry, definitions, now_ms=next(self._clock), new_id=self.new_id, **settings)

    def apply(self, text):
        """Apply the text; gives the plan that was carried out."""
        planned = self.plan(text)
        assert planned.problems == ()
        self.records += planned.records()
        return planned

    def plan_delete(self, *names):
        return plan_delete(self.registry, names, now_ms=next(self._clock))

    def delete(self, *names):
        """Delete by name or id; gives the plan that was carried out."""
        planned = self.plan_delete(*names)
        assert planned.problems == ()
        self.records += planned.records()
        return planned
