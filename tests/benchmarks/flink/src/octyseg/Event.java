package octyseg;

import java.util.Map;

/** An event of a type that a definition names; mutable and with an empty constructor, as Flink's serializer wants it. */
public class Event {
    public String id;
    public String profileId;
    public String type;
    public Map<String, String> properties;
    public long atMs;
    public long arrivedMs;
}
