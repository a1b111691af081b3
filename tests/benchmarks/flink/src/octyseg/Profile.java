package octyseg;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What is remembered of a profile: open instances, tags, event ids of the last day, when it may notify again. */
public class Profile {
    public List<Instance> instances = new ArrayList<>();
    public Map<String, Tag> tags = new HashMap<>();
    public Map<String, Long> seen = new HashMap<>();
    public Map<String, Long> cooling = new HashMap<>();

    /** One run of a sequence: the step waited for, the last action and the last instant at which the next one counts. */
    public static class Instance {
        public String segmentId;
        public String correlation;
        public String anchor;
        public int step;
        public long actedMs;
        public long deadlineMs;
        public List<String> cause = new ArrayList<>();
    }

    /** A tag, with the frame that earned it last. */
    public static class Tag {
        public String correlation;
        public long actedMs;
        public long deadlineMs;
        public long expiresAtMs;
    }
}
