package octyseg;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** JSON to events, token by token: nothing is made of events of a type that no definition names, but all of it is read. */
final class Decode implements KafkaRecordDeserializationSchema<Event> {
    private final Set<String> types;
    private transient JsonFactory json;

    Decode(Set<String> types) {
        this.types = types;
    }

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        json = new JsonFactory();
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) throws IOException {
        Event event = new Event();
        String createdAt = null;
        try (JsonParser parser = json.createParser(record.value())) {
            parser.nextToken();
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "event_id" -> event.id = parser.getText();
                    case "profile_id" -> event.profileId = parser.getText();
                    case "event_type" -> event.type = parser.getText();
                    case "created_at" -> createdAt = parser.getText();
                    case "event_properties" -> event.properties = properties(parser, event);
                    default -> parser.skipChildren();
                }
            }
        }
        Progress.DECODED.increment();
        if (!types.contains(event.type)) {
            return;
        }
        event.atMs = Instant.parse(createdAt).toEpochMilli();
        event.arrivedMs = record.timestamp();
        Progress.RELEVANT.increment();
        out.collect(event);
    }

    private Map<String, String> properties(JsonParser parser, Event event) throws IOException {
        if (event.type != null && !types.contains(event.type)) {
            parser.skipChildren();
            return Map.of();
        }
        Map<String, String> properties = new HashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            if (parser.nextToken().isScalarValue()) {
                properties.put(name, parser.getText());
            } else {
                parser.skipChildren();
            }
        }
        return properties;
    }

    @Override
    public TypeInformation<Event> getProducedType() {
        return TypeInformation.of(Event.class);
    }
}
