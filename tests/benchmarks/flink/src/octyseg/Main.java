package octyseg;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Runs the detection in one JVM over so many events and prints what their second half cost, as one line of JSON: by then
 * the JVM has compiled what it runs often.
 *
 * <p>Arguments: SERVERS EVENTS_TOPIC CHANGES_TOPIC COUNT DEFINITIONS_FILE CHECKPOINTS_DIRECTORY PARALLELISM
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        long count = Long.parseLong(arguments[3]);
        List<Segment> segments =
                new ObjectMapper().readValue(new File(arguments[4]), new TypeReference<List<Segment>>() {});
        Configuration settings = new Configuration();
        settings.setString("state.backend.type", "hashmap");
        settings.setString("execution.checkpointing.interval", "10 s");
        settings.setString("execution.checkpointing.dir", new File(arguments[5]).toURI().toString());
        settings.setString("rest.port", "0");
        var environment = StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(arguments[6]), settings);
        environment.getConfig().enableObjectReuse();
        JobClient job = detect(environment, segments, arguments[0], arguments[1], arguments[2]);

        Mark half = null;
        while (Progress.DECODED.sum() < count || Progress.DETECTED.sum() < Progress.RELEVANT.sum()) {
            if (half == null && Progress.DECODED.sum() >= count / 2) {
                half = Mark.now();
            }
            if (job.getJobStatus().get().isTerminalState()) {
                job.getJobExecutionResult().get();
            }
            Thread.sleep(5);
        }
        Mark end = Mark.now();
        job.cancel().get();
        System.out.printf(
                "{\"events\":%d,\"seconds\":%.6f,\"cpu_s\":%.6f,\"begun_at_s\":%.3f,\"more\":{\"changes\":%d}}%n",
                end.events() - half.events(),
                (end.atNs() - half.atNs()) / 1e9,
                (end.cpuNs() - half.cpuNs()) / 1e9,
                half.wallMs() / 1e3,
                Progress.CHANGES.sum());
        System.exit(0);
    }

    private static JobClient detect(
            StreamExecutionEnvironment environment,
            List<Segment> segments,
            String servers,
            String events,
            String changes)
            throws Exception {
        Set<String> types = new HashSet<>();
        segments.forEach(segment -> segment.steps().forEach(step -> types.add(step.eventType())));
        KafkaSource<Event> source = KafkaSource.<Event>builder()
                .setBootstrapServers(servers)
                .setTopics(events)
                .setGroupId("flink")
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Decode(types))
                .build();
        KafkaSink<Change> sink = KafkaSink.<Change>builder()
                .setBootstrapServers(servers)
                .setRecordSerializer(new Encode(changes))
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .build();
        // Time is the arrival, as in octyseg; records of a partition arrive in order.
        var watermarks = WatermarkStrategy.<Event>forMonotonousTimestamps()
                .withTimestampAssigner((event, timestamp) -> event.arrivedMs)
                .withIdleness(Duration.ofSeconds(1));
        environment
                .fromSource(source, watermarks, "events")
                .keyBy(event -> event.profileId)
                .process(new Detect(segments))
                .sinkTo(sink);
        return environment.executeAsync("detection");
    }

    /** A moment: how far, when, and at what cost of processor time so far. */
    private record Mark(long events, long atNs, long cpuNs, long wallMs) {
        static Mark now() {
            var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            return new Mark(
                    Progress.DECODED.sum(), System.nanoTime(), system.getProcessCpuTime(), System.currentTimeMillis());
        }
    }
}
