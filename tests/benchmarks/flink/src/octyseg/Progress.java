package octyseg;

import java.util.concurrent.atomic.LongAdder;

/** How far the job has come; sources, detection and main run in one JVM. */
final class Progress {
    static final LongAdder DECODED = new LongAdder();
    static final LongAdder RELEVANT = new LongAdder();
    static final LongAdder DETECTED = new LongAdder();
    static final LongAdder CHANGES = new LongAdder();

    private Progress() {}
}
