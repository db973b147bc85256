package io.memguard.cli;

import io.memguard.Progress;
import io.memguard.os.Terminal;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** One line on standard error that is written over, with the rate and the time left; nothing where that is no terminal. */
final class ProgressBar implements Progress {
    private static final long INTERVAL = TimeUnit.MILLISECONDS.toNanos(100);

    private final boolean shown = Terminal.is(2);
    private final long start = System.nanoTime();
    private final String unit;
    private long last = start - INTERVAL;

    ProgressBar() {
        this("files");
    }

    /** @param unit what is counted */
    ProgressBar(String unit) {
        this.unit = unit;
    }

    @Override
    public void at(long done, long total) {
        long now = System.nanoTime();
        if (shown && (done == total || now - last >= INTERVAL)) {
            last = now;
            System.err.print("\r" + line(unit, done, total, (now - start) / 1e9) + (done == total ? "\n" : ""));
            System.err.flush();
        }
    }

    /** @param seconds since it began */
    static String line(String unit, long done, long total, double seconds) {
        double rate = done / Math.max(seconds, 1e-3);
        long left = done == 0 ? 0 : Math.round((total - done) / rate);
        return String.format(
                Locale.ROOT,
                "%3d %%  %d of %d %s  %.0f/s  %d:%02d left   ",
                total == 0 ? 100 : 100 * done / total,
                done,
                total,
                unit,
                rate,
                left / 60,
                left % 60);
    }
}
