package octyseg;

import java.io.Serializable;
import java.util.List;
import java.util.Map;

/** A live segment as `traffic.segments()` has it; written by tests/benchmarks/rows/flink.py. */
public record Segment(
        String segmentId,
        List<Step> steps,
        String onRepeat,
        String correlateBy,
        boolean onEnterOnly,
        long cooldownMs,
        long tagTtlMs)
        implements Serializable {

    public record Step(String eventType, Map<String, String> properties, long withinMs, boolean inaction)
            implements Serializable {

        /** Whether the event does what the step asks for. */
        boolean matches(Event event) {
            if (!eventType.equals(event.type)) {
                return false;
            }
            for (var wanted : properties.entrySet()) {
                if (!wanted.getValue().equals(event.properties.get(wanted.getKey()))) {
                    return false;
                }
            }
            return true;
        }
    }

    Step last() {
        return steps.get(steps.size() - 1);
    }
}
