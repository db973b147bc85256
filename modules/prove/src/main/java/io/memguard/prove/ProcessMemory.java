package io.memguard.prove;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** The memory of another process as the kernel shows it; proc_pid_smaps(5), proc_pid_mem(5), proc_pid_pagemap(5). */
final class ProcessMemory implements AutoCloseable {
    private static final int PAGE = 4096;
    private static final long PRESENT_OR_SWAPPED = 0b11L << 62;

    private final Path process;
    private final RandomAccessFile memory;
    private final RandomAccessFile pages;

    /**
     * One mapping.
     *
     * @param name of its file; what the kernel calls it
     * @param flags two letters each
     */
    record Region(long begin, long end, String name, List<String> flags) {
        boolean isLocked() {
            return flags.contains("lo");
        }

        /** Pages that only their owner can map. */
        boolean isSecret() {
            return name.contains("secretmem");
        }

        /** What the kernel does with what is in it: locked and kept out of core dumps, or not. */
        Findings.Protection protection() {
            return isLocked() && flags.contains("dd") ? Findings.Protection.LOCKED : Findings.Protection.NONE;
        }
    }

    ProcessMemory(long pid) throws IOException {
        process = Path.of("/proc", Long.toString(pid));
        memory = new RandomAccessFile(process.resolve("mem").toFile(), "r");
        pages = new RandomAccessFile(process.resolve("pagemap").toFile(), "r");
    }

    /** All mappings that the kernel lists. */
    List<Region> regions() throws IOException {
        var regions = new ArrayList<Region>();
        String[] head = {};
        for (String line : Files.readAllLines(process.resolve("smaps"))) {
            if (line.startsWith("VmFlags:")) {
                String[] range = head[0].split("-", 2);
                regions.add(new Region(
                        Long.parseUnsignedLong(range[0], 16),
                        Long.parseUnsignedLong(range[1], 16),
                        head.length > 5 ? head[5].strip() : "anonymous",
                        List.of(line.substring(8).strip().split(" "))));
            } else if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                head = line.split(" +", 6);
            }
        }
        return regions;
    }

    /** How much gcore writes, in bytes: what is only reserved, too, as zeros. */
    long dumpable() throws IOException {
        return regions().stream()
                .filter(region -> region.begin() >= 0 && !region.flags().contains("dd"))
                .mapToLong(region -> region.end() - region.begin())
                .sum();
    }

    /** Whether the first bytes of a region can be read. */
    boolean canRead(Region region) {
        try {
            memory.seek(region.begin());
            return memory.read() >= 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** Searches all that can be read, and is in memory or swapped out. */
    void search(Findings findings, Predicate<Region> which) throws IOException {
        for (Region region : regions()) {
            if (region.begin() < 0 || region.isSecret() || !which.test(region)) {
                continue; // vsyscall, the kernel's own page; and what canRead tells of.
            }
            for (Run run : present(region)) {
                findings.add(
                        new Pages(run),
                        region.protection(),
                        at -> String.format(
                                "%x in %x-%x %s [%s]",
                                run.begin() + at,
                                region.begin(),
                                region.end(),
                                region.name(),
                                String.join(" ", region.flags())));
            }
        }
    }

    private record Run(long begin, long end) {}

    private List<Run> present(Region region) throws IOException {
        int count = (int) ((region.end() - region.begin()) / PAGE);
        var runs = new ArrayList<Run>();
        long begin = -1;
        int chunk = 1 << 16;
        for (int from = 0; from < count; from += chunk) {
            int size = Math.min(chunk, count - from);
            byte[] entries = new byte[size * Long.BYTES];
            pages.seek((region.begin() / PAGE + from) * Long.BYTES);
            pages.readFully(entries);
            var each = ByteBuffer.wrap(entries).order(ByteOrder.nativeOrder());
            for (int i = 0; i < size; i++) {
                long address = region.begin() + (long) (from + i) * PAGE;
                if ((each.getLong() & PRESENT_OR_SWAPPED) != 0) {
                    begin = begin < 0 ? address : begin;
                } else if (begin >= 0) {
                    runs.add(new Run(begin, address));
                    begin = -1;
                }
            }
        }
        if (begin >= 0) {
            runs.add(new Run(begin, region.end()));
        }
        return runs;
    }

    /** Reads a run of pages; what can't be read, such as memory of devices, is its end. */
    private final class Pages extends InputStream {
        private long at;
        private final long end;

        Pages(Run run) {
            this.at = run.begin();
            this.end = run.end();
        }

        @Override
        public int read() {
            throw new UnsupportedOperationException();
        }

        @Override
        public int read(byte[] bytes, int offset, int length) {
            int wanted = (int) Math.min(length, end - at);
            if (wanted <= 0) {
                return -1;
            }
            try {
                memory.seek(at);
                int count = memory.read(bytes, offset, wanted);
                at += Math.max(0, count);
                return count;
            } catch (IOException e) {
                return -1;
            }
        }
    }

    @Override
    public void close() throws IOException {
        memory.close();
        pages.close();
    }
}
