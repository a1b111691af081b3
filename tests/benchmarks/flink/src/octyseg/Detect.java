package octyseg;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import octyseg.Profile.Instance;
import octyseg.Profile.Tag;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * The state machines of all segments for one profile.
 *
 * <p>Less than octyseg's engine does: no action that arrives after its inaction, no contradiction kept while the grace
 * runs, no conditions, no explanation, nothing forgotten. What it leaves out is in its favour.
 */
final class Detect extends KeyedProcessFunction<String, Event, Change> {
    private static final long GRACE_MS = 5_000;
    private static final long HORIZON_MS = 3_600_000;
    private static final long MAX_AGE_MS = 7_200_000;
    private static final long DAY_MS = 86_400_000;
    private static final int MOST_SEEN = 64;
    private static final int MOST_PARALLEL = 16;

    private final List<Segment> segments;
    private transient Map<String, List<Segment>> byType;
    private transient Map<String, Segment> byId;
    private transient ValueState<Profile> profiles;

    Detect(List<Segment> segments) {
        this.segments = segments;
    }

    @Override
    public void open(OpenContext context) {
        profiles = getRuntimeContext().getState(new ValueStateDescriptor<>("profile", Profile.class));
        byType = new HashMap<>();
        byId = new HashMap<>();
        for (Segment segment : segments) {
            byId.put(segment.segmentId(), segment);
            segment.steps().stream()
                    .map(Segment.Step::eventType)
                    .distinct()
                    .forEach(type -> byType.computeIfAbsent(type, any -> new ArrayList<>()).add(segment));
        }
    }

    @Override
    public void processElement(Event event, Context context, Collector<Change> out) throws Exception {
        Progress.DETECTED.increment();
        if (event.arrivedMs - event.atMs > MAX_AGE_MS) {
            return;
        }
        Profile profile = null;
        for (Segment segment : byType.get(event.type)) {
            List<Segment.Step> steps = segment.steps();
            boolean opens = steps.get(0).matches(event);
            boolean cancels = steps.size() > 1 && segment.last().inaction() && segment.last().matches(event);
            boolean advances = false;
            for (int step = 1; step < steps.size(); step++) {
                advances |= !steps.get(step).inaction() && steps.get(step).matches(event);
            }
            if (!opens && !cancels && !advances) {
                continue;
            }
            if (profile == null) {
                profile = profiles.value();
                if (profile == null) {
                    profile = new Profile();
                }
                if (isRepeat(profile, event)) {
                    return;
                }
            }
            apply(profile, segment, event, opens, cancels, context.timerService(), out);
        }
        if (profile != null) {
            profiles.update(profile);
        }
    }

    @Override
    public void onTimer(long atMs, OnTimerContext context, Collector<Change> out) throws Exception {
        Profile profile = profiles.value();
        long passedMs = atMs - GRACE_MS;
        List<Instance> due = new ArrayList<>();
        for (Instance one : profile.instances) {
            if (one.deadlineMs <= passedMs) {
                due.add(one);
            }
        }
        due.sort((one, other) -> Long.compare(one.deadlineMs, other.deadlineMs));
        for (Instance one : due) {
            profile.instances.remove(one);
            Segment segment = byId.get(one.segmentId);
            if (segment.steps().get(one.step).inaction()) {
                match(profile, context.getCurrentKey(), segment, one, one.deadlineMs, context.timerService(), out);
            }
        }
        profile.tags.entrySet().removeIf(entry -> {
            Tag tag = entry.getValue();
            boolean over = tag.expiresAtMs > 0 && tag.expiresAtMs <= passedMs;
            if (over) {
                tell(out, context.getCurrentKey(), entry.getKey(), "removed", "expired", tag.expiresAtMs, List.of());
            }
            return over;
        });
        profiles.update(profile);
    }

    private static boolean isRepeat(Profile profile, Event event) {
        Long before = profile.seen.put(event.id, event.atMs);
        if (before != null && Math.abs(event.atMs - before) <= DAY_MS) {
            return true;
        }
        if (profile.seen.size() > MOST_SEEN) {
            profile.seen.remove(
                    Collections.min(profile.seen.entrySet(), Map.Entry.comparingByValue()).getKey());
        }
        return false;
    }

    private void apply(
            Profile profile,
            Segment segment,
            Event event,
            boolean opens,
            boolean cancels,
            TimerService timers,
            Collector<Change> out) {
        String correlation = segment.correlateBy() == null ? null : event.properties.get(segment.correlateBy());
        if (segment.steps().size() == 1) {
            Instance instant = instance(segment, event, correlation);
            match(profile, event.profileId, segment, instant, event.atMs, timers, out);
            return;
        }
        List<Instance> mine = new ArrayList<>();
        for (Instance one : profile.instances) {
            if (one.segmentId.equals(segment.segmentId()) && Objects.equals(one.correlation, correlation)) {
                mine.add(one);
            }
        }
        if (cancels) {
            cancel(profile, segment, event, correlation, mine, timers, out);
        }
        boolean moved = advance(profile, segment, event, mine, timers, out);
        if (opens && (!moved || segment.onRepeat().equals("parallel"))) {
            open(profile, segment, event, correlation, mine, timers);
        }
    }

    private void cancel(
            Profile profile,
            Segment segment,
            Event event,
            String correlation,
            List<Instance> mine,
            TimerService timers,
            Collector<Change> out) {
        int last = segment.steps().size() - 1;
        mine.removeIf(one -> {
            boolean inFrame = one.step == last && one.actedMs <= event.atMs && event.atMs <= one.deadlineMs;
            if (inFrame) {
                profile.instances.remove(one);
            }
            return inFrame;
        });
        Tag tag = profile.tags.get(segment.segmentId());
        if (tag == null) {
            return;
        }
        boolean late = tag.actedMs <= event.atMs
                && event.atMs <= tag.deadlineMs
                && Objects.equals(tag.correlation, correlation)
                && timers.currentWatermark() - tag.deadlineMs <= HORIZON_MS;
        if (late || event.atMs > tag.deadlineMs) {
            profile.tags.remove(segment.segmentId());
            String reason = late ? "late_event" : "contradicted";
            tell(out, event.profileId, segment.segmentId(), "removed", reason, event.atMs, List.of(event.id));
        }
    }

    private boolean advance(
            Profile profile,
            Segment segment,
            Event event,
            List<Instance> mine,
            TimerService timers,
            Collector<Change> out) {
        boolean moved = false;
        for (Instance one : List.copyOf(mine)) {
            Segment.Step awaited = segment.steps().get(one.step);
            if (awaited.inaction()
                    || event.atMs < one.actedMs
                    || event.atMs > one.deadlineMs
                    || !awaited.matches(event)) {
                continue;
            }
            moved = true;
            one.cause.add(event.id);
            if (one.step + 1 == segment.steps().size()) {
                mine.remove(one);
                profile.instances.remove(one);
                one.actedMs = one.deadlineMs = event.atMs;
                match(profile, event.profileId, segment, one, event.atMs, timers, out);
            } else {
                await(segment, one, event.atMs, timers);
            }
        }
        return moved;
    }

    private void open(
            Profile profile,
            Segment segment,
            Event event,
            String correlation,
            List<Instance> mine,
            TimerService timers) {
        List<Instance> running = new ArrayList<>();
        for (Instance one : mine) {
            if (event.atMs <= one.deadlineMs) {
                running.add(one);
            }
        }
        if (!running.isEmpty() && segment.onRepeat().equals("ignore")) {
            return;
        }
        if (!running.isEmpty() && segment.onRepeat().equals("restart")) {
            if (event.atMs < running.get(running.size() - 1).actedMs) {
                return;
            }
            profile.instances.removeAll(running);
        }
        Instance opened = instance(segment, event, correlation);
        profile.instances.add(opened);
        await(segment, opened, event.atMs, timers);
        if (segment.onRepeat().equals("parallel") && running.size() >= MOST_PARALLEL) {
            profile.instances.remove(running.get(0));
        }
    }

    private static Instance instance(Segment segment, Event event, String correlation) {
        Instance made = new Instance();
        made.segmentId = segment.segmentId();
        made.correlation = correlation;
        made.anchor = event.id;
        made.actedMs = made.deadlineMs = event.atMs;
        made.cause.add(event.id);
        return made;
    }

    private static void await(Segment segment, Instance one, long actedMs, TimerService timers) {
        one.deadlineMs = actedMs + segment.steps().get(one.step).withinMs();
        one.actedMs = actedMs;
        one.step++;
        timers.registerEventTimeTimer(one.deadlineMs + GRACE_MS);
    }

    private void match(
            Profile profile,
            String profileId,
            Segment segment,
            Instance one,
            long atMs,
            TimerService timers,
            Collector<Change> out) {
        boolean cooling = atMs < profile.cooling.getOrDefault(segment.segmentId(), 0L);
        Tag tag = profile.tags.get(segment.segmentId());
        boolean isNew = tag == null;
        if (isNew) {
            if (cooling) {
                return;
            }
            tag = new Tag();
            profile.tags.put(segment.segmentId(), tag);
        }
        if (atMs >= tag.deadlineMs) {
            tag.correlation = one.correlation;
            tag.actedMs = one.actedMs;
            tag.deadlineMs = one.deadlineMs;
        }
        if (segment.tagTtlMs() > 0) {
            tag.expiresAtMs = Math.max(tag.expiresAtMs, atMs + segment.tagTtlMs());
            timers.registerEventTimeTimer(tag.expiresAtMs + GRACE_MS);
        }
        if (!isNew && (cooling || segment.onEnterOnly())) {
            return;
        }
        if (segment.cooldownMs() > 0) {
            profile.cooling.put(segment.segmentId(), atMs + segment.cooldownMs());
        }
        tell(out, profileId, segment.segmentId(), isNew ? "added" : "refreshed", "matched", atMs, one.cause);
    }

    private static void tell(
            Collector<Change> out,
            String profileId,
            String segmentId,
            String change,
            String reason,
            long atMs,
            List<String> cause) {
        Progress.CHANGES.increment();
        out.collect(new Change(profileId, segmentId, change, reason, atMs, cause));
    }
}
