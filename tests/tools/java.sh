# java: threads, locks, garbage, traps of the JIT, children, files, mapped memory; by the JIT and by the interpreter.
set -e
cat >All.java <<'END'
import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;
import java.util.zip.*;

public class All {
    static void say(String name, Object what) { System.out.println(name + ": " + what); }
    static int depth;
    static int deep() { depth++; return deep() + 1; }
    static long fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

    public static void main(String[] words) throws Exception {
        boolean quick = words.length > 0;
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> results = new ArrayList<>();
        for (int i = 0; i < 32; i++) { int n = 10 + i % 10; results.add(pool.submit(() -> fib(n))); }
        long sum = 0;
        for (Future<Long> result : results) sum += result.get();
        say("pool", sum);
        AtomicLong counted = new AtomicLong();
        Object lock = new Object();
        int[] plain = { 0 };
        CountDownLatch latch = new CountDownLatch(8);
        for (int i = 0; i < 8; i++) pool.submit(() -> {
            for (int k = 0; k < 5000; k++) { counted.incrementAndGet(); synchronized (lock) { plain[0]++; } }
            latch.countDown();
        });
        latch.await();
        say("counted", counted + " " + plain[0]);
        SynchronousQueue<Integer> queue = new SynchronousQueue<>();
        pool.submit(() -> { for (int i = 0; i < 1000; i++) queue.put(i); return null; });
        int handed = 0;
        for (int i = 0; i < 1000; i++) handed += queue.take();
        say("handed over", handed);
        Thread sleeper = new Thread(() -> { try { Thread.sleep(100000); } catch (InterruptedException e) { say("sleeper", "interrupted"); } });
        sleeper.start(); sleeper.interrupt(); sleeper.join();
        say("future", CompletableFuture.supplyAsync(() -> 20).thenCombine(CompletableFuture.supplyAsync(() -> 22), Integer::sum).get(60, TimeUnit.SECONDS));
        say("parallel", IntStream.range(0, quick ? 10000 : 300000).parallel().filter(i -> i % 7 == 0).count());
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
        CountDownLatch ticks = new CountDownLatch(3);
        timer.scheduleAtFixedRate(ticks::countDown, 10, 10, TimeUnit.MILLISECONDS);
        ticks.await(); timer.shutdownNow();
        say("ticks", ticks.getCount());

        List<byte[]> kept = new ArrayList<>();
        for (int i = 0; i < (quick ? 2000 : 20000); i++) { byte[] made = new byte[10000]; made[i % 10000] = 1; if (i % 500 == 0) kept.add(made); }
        System.gc();
        say("kept", kept.size());
        try { long[][] all = new long[1 << 20][]; for (int i = 0; ; i++) all[i] = new long[1 << 17]; } catch (OutOfMemoryError e) { say("memory", "out"); }
        // The JIT leaves these to the processor's faults.
        int caught = 0;
        for (int i = 0; i < (quick ? 2000 : 100000); i++) {
            try { String none = i % 3 == 0 ? null : "x"; caught += none.length() - 1; } catch (NullPointerException e) { caught++; }
            try { caught += 1 / (i % 5); } catch (ArithmeticException e) { caught++; }
        }
        say("caught", caught);
        for (int i = 0; i < 3; i++) { depth = 0; try { deep(); } catch (StackOverflowError e) { say("deep", depth > 1000); } }

        Path folder = Files.createTempDirectory("java");
        Path file = folder.resolve("file");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer map = channel.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
            for (int i = 0; i < 1 << 18; i++) map.putInt(i * 7919);
            map.force();
            ByteBuffer read = ByteBuffer.allocate(4);
            channel.read(read, 4 * 1000);
            say("mapped", read.getInt(0) + " " + channel.size());
            try (FileLock locked = channel.lock()) { say("locked", locked.isValid()); }
        }
        CRC32 crc = new CRC32(); crc.update(Files.readAllBytes(file)); say("crc", crc.getValue());
        Path zip = folder.resolve("file.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(zip))) { Files.copy(file, out); }
        try (InputStream in = new GZIPInputStream(Files.newInputStream(zip))) { say("unzipped", in.readAllBytes().length); }
        try { Files.createDirectory(folder); } catch (FileAlreadyExistsException e) { say("error", "exists"); }
        try { Files.delete(folder); } catch (DirectoryNotEmptyException e) { say("error", "not empty"); }
        try { Files.readString(folder.resolve("missing")); } catch (NoSuchFileException e) { say("error", "missing"); }
        try (WatchService watch = folder.getFileSystem().newWatchService()) {
            folder.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
            Files.writeString(folder.resolve("new"), "text");
            WatchKey key = watch.poll(60, TimeUnit.SECONDS);
            say("watched", key.pollEvents().get(0).context());
        }
        try (Stream<Path> all = Files.walk(folder)) { say("walked", all.count()); }

        Process child = new ProcessBuilder("sh", "-c", "tr a-z A-Z; exit 3").redirectErrorStream(true).start();
        child.getOutputStream().write("text".getBytes()); child.getOutputStream().close();
        say("child", new String(child.getInputStream().readAllBytes()) + " " + child.waitFor());
        Process endless = new ProcessBuilder("sleep", "100").start();
        say("waited", endless.waitFor(100, TimeUnit.MILLISECONDS));
        endless.destroyForcibly(); say("killed", endless.waitFor());
        try { new ProcessBuilder("/missing/program").start(); } catch (IOException e) { say("error", e.getMessage().contains("No such file")); }
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(folder.resolve("socket"));
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(address);
            Future<Integer> told = pool.submit(() -> { try (SocketChannel client = server.accept()) { ByteBuffer got = ByteBuffer.allocate(100); int n = client.read(got); got.flip(); client.write(got); return n; } });
            try (SocketChannel client = SocketChannel.open(address)) {
                client.write(ByteBuffer.wrap("hello".getBytes()));
                ByteBuffer back = ByteBuffer.allocate(100); client.read(back);
                say("socket", told.get() + " " + new String(back.array(), 0, back.position()));
            }
        }
        Pipe pipe = Pipe.open(); Selector selector = Selector.open();
        pipe.source().configureBlocking(false); pipe.source().register(selector, SelectionKey.OP_READ);
        say("select", selector.selectNow() + " " + selector.select(50));
        pipe.sink().write(ByteBuffer.wrap(new byte[] { 1 })); say("ready", selector.select(60000));
        pool.shutdown(); say("ended", pool.awaitTermination(60, TimeUnit.SECONDS));
        say("text", String.format(Locale.ROOT, "%,.2f %s %x", 1234567.891, "é".length(), 255) + " " + "a-b-c".replaceAll("-(\\w)", "<$1>"));
        say("sorted", new Random(7).ints(50000).sorted().skip(25000).findFirst().getAsInt());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(4);
    }
}
END
# The compiler is a program of java's too.
ecj -proc:none -17 -nowarn -d . All.java
java -Xmx256m All 2>&1 || echo "status $?"
java -Xmx256m -XX:+UseParallelGC -XX:TieredStopAtLevel=1 All 2>&1 | cksum
java -Xmx256m -XX:+UseSerialGC -Xint All quick 2>&1 || echo "interpreted: $?"
# Asked from outside: all threads' stacks, and to end.
cat >Waits.java <<'END'
public class Waits { public static void main(String[] words) throws Exception { System.out.println("waits"); Thread.sleep(600000); } }
END
ecj -proc:none -17 -d . Waits.java
java -Xmx128m Waits >out 2>&1 & pid=$!
until grep -q waits out; do sleep 0.2; done
kill -QUIT $pid
until grep -q 'JNI global refs' out; do sleep 0.2; done
grep -c '^"main".*sleeping\|^"main"' out
kill -TERM $pid; wait $pid || echo "ended: $?"
