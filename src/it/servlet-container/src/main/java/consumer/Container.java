package consumer;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.catalina.Context;
import org.apache.catalina.Lifecycle;
import org.apache.catalina.Wrapper;
import org.apache.catalina.startup.Tomcat;

/** Tomcat, which loads the application several times: WEB-APPLICATION RELOADS closes|forgets STORE PASSPHRASE-FILE. */
public final class Container {
    private Container() {}

    public static void main(String[] arguments) {
        try {
            run(arguments);
            System.exit(0);
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1); // Tomcat's threads would go on.
        }
    }

    private static void run(String[] arguments) throws Exception {
        int reloads = Integer.parseInt(arguments[1]);
        var tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory("tomcat").toString());
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", arguments[0]);
        // As a web.xml would: a reload forgets what was configured before.
        context.addLifecycleListener(event -> {
            if (event.getType().equals(Lifecycle.CONFIGURE_START_EVENT)) {
                addServlet(context, arguments);
            }
        });
        tomcat.start();
        URI uri = URI.create("http://127.0.0.1:" + tomcat.getConnector().getLocalPort() + "/");
        List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
        long lockedAtFirst = 0;
        for (int i = 0; i <= reloads; i++) {
            if (i > 0) {
                context.reload();
            }
            request(uri);
            loaders.add(new WeakReference<>(context.getLoader().getClassLoader()));
            if (i == 1) {
                lockedAtFirst = lockedKilobytes();
            }
        }
        System.out.println("worked after " + reloads + " reloads");
        tomcat.stop();
        tomcat.destroy();
        loaders.removeLast(); // Tomcat may keep the last one.
        System.out.println("class loaders left: " + remaining(loaders));
        long locked = lockedKilobytes();
        System.out.println(
                locked <= lockedAtFirst ? "locked memory did not grow" : "locked: " + lockedAtFirst + " to " + locked);
    }

    private static void addServlet(Context context, String[] arguments) {
        Wrapper servlet = Tomcat.addServlet(context, "secrets", "consumer.SecretServlet");
        servlet.setLoadOnStartup(1);
        servlet.addInitParameter("store", arguments[3]);
        servlet.addInitParameter("passphrase", arguments[4]);
        if (arguments[2].equals("forgets")) {
            servlet.addInitParameter("forgets", "true");
        }
        context.addServletMappingDecoded("/", "secrets");
    }

    private static void request(URI uri) throws IOException, InterruptedException {
        try (var client = HttpClient.newHttpClient()) {
            var answer = client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
            if (!answer.body().equals("read 13")) {
                throw new IOException("HTTP " + answer.statusCode() + " " + answer.body());
            }
        }
    }

    private static long remaining(List<WeakReference<ClassLoader>> loaders) throws InterruptedException {
        long remaining = loaders.size();
        for (int i = 0; i < 100 && remaining > 0; i++) {
            System.gc();
            Thread.sleep(100);
            remaining = loaders.stream().filter(loader -> loader.get() != null).count();
        }
        return remaining;
    }

    private static long lockedKilobytes() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith("VmLck:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                    .sum();
        }
    }
}
