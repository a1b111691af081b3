package octyseg;

import java.util.List;

/** A tag that came or went, as it goes to the topic. */
public class Change {
    public String profile_id;
    public String segment_id;
    public String change;
    public String reason;
    public long occurred_at;
    public List<String> cause;

    public Change() {}

    Change(String profileId, String segmentId, String change, String reason, long occurredAt, List<String> cause) {
        this.profile_id = profileId;
        this.segment_id = segmentId;
        this.change = change;
        this.reason = reason;
        this.occurred_at = occurredAt;
        this.cause = cause;
    }
}
