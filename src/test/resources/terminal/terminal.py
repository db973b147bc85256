"""Runs a command in a pseudo-terminal as a shell runs a job, step by step, and says what became of it.

A session of its own has a shell (the middle process here), the job a process group: only so can it be stopped. Prints
one line for each scenario: ok or FAILED, its name, what was wrong."""
import os, pty, select, signal, sys, termios, time

TIMEOUT = float(os.environ.get('TERMINAL_TIMEOUT', '60'))
SCENARIO = 2 * TIMEOUT # Whatever it waits for.


class Job:
    def __init__(self, command, environment=None):
        self.seen = b''
        report, self.reports_in = os.pipe()
        orders, self.orders = os.pipe()
        self.middle, self.fd = pty.fork()
        if self.middle == 0:
            try:
                os.close(report), os.close(self.orders)
                shell(command, environment or {}, self.reports_in, orders)
            finally:
                os._exit(97) # Never on as a second runner of scenarios.
        os.close(self.reports_in), os.close(orders)
        self.reports = report
        os.set_blocking(self.fd, False)
        try:
            self.pid = int(self.report())
        except Exception:
            os.kill(self.middle, signal.SIGKILL)
            raise
        self.before = self.settings()
        os.write(self.orders, b'g')

    def report(self):
        line = b''
        while not line.endswith(b'\n'):
            if not select.select([self.reports], [], [], TIMEOUT)[0]:
                raise AssertionError('it neither ends nor stops; seen: %r' % self.seen)
            byte = os.read(self.reports, 1)
            assert byte, 'its shell is gone; seen: %r' % self.seen
            line += byte
        return line.decode()

    def settings(self):
        return termios.tcgetattr(self.fd)

    def echoes(self):
        return bool(self.settings()[3] & termios.ECHO)

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b''
            self.seen += data
            return bool(data)
        return False

    def expect(self, text, count=1):
        end = time.time() + TIMEOUT
        while self.seen.count(text) < count:
            assert time.time() < end, 'no %r; seen: %r' % (text, self.seen)
            if not self.read(1) and not select.select([self.fd], [], [], 0)[0]:
                continue
            assert os.path.exists('/proc/%d' % self.pid) or self.seen.count(text) >= count, \
                'it ended without %r; seen: %r' % (text, self.seen)

    def type(self, data):
        end = time.time() + TIMEOUT
        while data:
            assert time.time() < end, 'it does not take what is typed; seen: %r' % self.seen
            select.select([], [self.fd], [], 1)
            try:
                data = data[os.write(self.fd, data[:1000]):]
            except BlockingIOError:
                pass

    def quiet(self):
        end = time.time() + TIMEOUT
        while self.echoes():
            assert time.time() < end, 'the terminal shows what is typed'
            time.sleep(0.01)

    def signal(self, name):
        os.kill(self.pid, getattr(signal, 'SIG' + name))

    def stopped(self):
        line = self.report()
        assert line.startswith('stopped'), 'not stopped but ' + line
        assert self.settings() == self.before, 'stopped, and the terminal is not as before'

    def go_on(self):
        os.write(self.orders, b'c')

    def end(self):
        """How it ended, as a shell has it."""
        deadline = time.time() + TIMEOUT
        while not select.select([self.reports], [], [], 0)[0]:
            self.read(0.05)
            assert time.time() < deadline, 'it does not end; seen: %r' % self.seen
        line = self.report()
        while self.read(0.1):
            pass
        assert line.startswith('ended '), line
        assert self.settings() == self.before, 'the terminal is not as before'
        os.write(self.orders, b'q')
        return int(line.split()[1])

    def hang_up(self):
        os.close(self.fd)
        line = self.report()
        assert line.startswith('ended '), line
        return int(line.split()[1])

    def close(self):
        for pid in (self.pid, self.middle):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for fd in (self.fd, self.reports, self.orders):
            try:
                os.close(fd)
            except OSError:
                pass
        os.waitpid(self.middle, 0)


def shell(command, environment, reports, orders):
    """The middle process: starts the job, and reports what becomes of it."""
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, []) # A JVM blocks SIGQUIT, also for what it starts.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    own = os.getpgrp()
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reports), os.close(orders), os.close(go)
        os.read(ready, 1)
        os.close(ready)
        for name in ('SIGTTOU', 'SIGTTIN', 'SIGTSTP', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGPIPE', 'SIGTERM', 'SIGCONT'):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        if environment.get('NOHUP'):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.environ.update(environment)
        os.execvp(command[0], command)
    os.close(ready)
    os.setpgid(pid, pid)
    os.tcsetpgrp(0, pid)
    os.write(reports, b'%d\n' % pid)
    os.read(orders, 1)
    os.write(go, b'x')
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(0, own)
            os.write(reports, b'stopped\n')
            os.read(orders, 1)
            os.tcsetpgrp(0, pid)
            os.killpg(pid, signal.SIGCONT)
        else:
            code = os.waitstatus_to_exitcode(status)
            os.write(reports, b'ended %d\n' % (code if code >= 0 else 128 - code))
            os.read(orders, 1)
            os._exit(0)


def late(*_):
    raise AssertionError('it takes longer than %d s' % SCENARIO)


def run(scenarios):
    signal.signal(signal.SIGALRM, late)
    only = os.environ.get('TERMINAL_ONLY', '')
    for name, scenario in scenarios:
        if only and only not in name:
            continue
        jobs = []
        started = time.time()
        signal.alarm(int(SCENARIO))
        try:
            scenario(lambda command, environment=None: jobs.append(Job(command, environment)) or jobs[-1])
            print('ok', name, flush=True)
        except Exception as failure:
            print('FAILED', name, '-', failure or repr(failure), flush=True)
        finally:
            signal.alarm(0)
            if os.environ.get('TERMINAL_TIMES'):
                print('%.1f s %s' % (time.time() - started, name), file=sys.stderr)
            for job in jobs:
                job.close()
