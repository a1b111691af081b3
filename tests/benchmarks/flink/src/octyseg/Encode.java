package octyseg;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Changes to JSON, keyed by their profile. */
final class Encode implements KafkaRecordSerializationSchema<Change> {
    private final String topic;
    private transient ObjectWriter json;

    Encode(String topic) {
        this.topic = topic;
    }

    @Override
    public void open(SerializationSchema.InitializationContext context, KafkaSinkContext sink) {
        json = new ObjectMapper().writerFor(Change.class);
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Change change, KafkaSinkContext sink, Long timestamp) {
        try {
            byte[] key = change.profile_id.getBytes(StandardCharsets.UTF_8);
            return new ProducerRecord<>(topic, key, json.writeValueAsBytes(change));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("a change cannot be written as JSON", error);
        }
    }
}
