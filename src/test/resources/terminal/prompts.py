"""Prompts of the library. Arguments: the command that asks, which is told what to ask for."""
import sys, os
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from terminal import run

COMMAND = sys.argv[1:]
GONE = {'INT': 130, 'TERM': 143, 'HUP': 129}
scenarios = []


def scenario(function):
    scenarios.append((function.__name__, function))


def shown(job):
    return job.seen.replace(b'\r', b'')


def ended_by(name, how):
    def body(start):
        for mode in ('secret', 'lines') if name == 'INT' else ('secret',):
            job = start(COMMAND + [mode])
            job.expect(b'ask: ')
            job.type(b'tip')
            how(job)
            status = job.end()
            assert status == GONE[name], status
            assert b'got' not in job.seen and b'tip' not in job.seen, job.seen
            assert b'Exception' not in job.seen and b'Thread' not in job.seen, job.seen
    return body


for name in GONE:
    scenarios.append(('signal_' + name, ended_by(name, lambda job, name=name: job.signal(name))))
scenarios.append(('key_interrupt', ended_by('INT', lambda job: job.type(b'\x03'))))
scenarios.append(('key_quit', ended_by('INT', lambda job: job.type(b'\x1c'))))


@scenario
def signal_QUIT_prints_nothing_and_the_answer_counts(start):
    job = start(COMMAND + ['secret'])
    job.expect(b'ask: ')
    job.signal('QUIT')
    job.type(b'typed\n')
    job.expect(b'got ')
    assert job.end() == 0
    assert shown(job) == b'ask: \ngot typed.hex\n'.replace(b'typed.hex', b'typed'.hex().encode()), job.seen


def stopped_by(how, mode):
    def body(start):
        job = start(COMMAND + [mode])
        job.expect(b'ask: ')
        for i in range(2):
            job.type(b'half')
            how(job)
            job.stopped()
            assert job.echoes()
            job.go_on()
            job.expect(b'ask: ', i + 2)
            job.quiet()
        job.type(b'typed\n')
        if mode == 'lines':
            job.type(b'\x04')
        job.expect(b'got ')
        assert job.end() == 0
        assert (b'got ' + b'typed'.hex().encode()) in job.seen, job.seen
        assert b'typed' not in job.seen and b'half' not in job.seen, job.seen
    return body


scenarios.append(('key_suspend', stopped_by(lambda job: job.type(b'\x1a'), 'secret')))
scenarios.append(('signal_TSTP', stopped_by(lambda job: job.signal('TSTP'), 'lines')))


@scenario
def signal_STOP_and_a_shell_that_resets_the_terminal(start):
    import termios
    job = start(COMMAND + ['secret'])
    job.expect(b'ask: ')
    job.signal('STOP')
    assert job.report().startswith('stopped')
    termios.tcsetattr(job.fd, termios.TCSANOW, job.before)
    job.go_on()
    job.expect(b'ask: ', 2)
    job.quiet()
    job.type(b'typed\n')
    job.expect(b'got ')
    assert job.end() == 0
    assert b'typed' not in job.seen, job.seen


def answers(mode, data, expected, count=None):
    def body(start):
        job = start(COMMAND + [mode])
        job.expect(b'ask: ')
        job.type(data)
        status = job.end()
        if isinstance(expected, bytes):
            assert status == 0, (status, job.seen)
            assert shown(job).endswith(b'got ' + expected.hex().encode() + b'\n'), job.seen
        else:
            assert status == 19 and b'got' not in job.seen, (status, job.seen)
            assert expected in job.seen.decode(), job.seen
            assert b'nothing was changed' in job.seen, job.seen
        assert not any(part in job.seen for part in data.split(b'\n') if len(part) > 3), job.seen
    return body


PEM = b'-----BEGIN PRIVATE KEY-----\n' + b'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n' * 20 + b'-----END PRIVATE KEY-----\n'
for name, mode, data, expected in [
    ('end_of_file', 'secret', b'\x04', 'nothing was entered'),
    ('end_of_file_after_text', 'secret', b'text\x04', 'nothing was entered'),
    ('end_of_file_of_lines', 'lines', b'\x04', 'nothing was entered'),
    ('longest_line', 'secret', b'x' * 4095 + b'\n', b'x' * 4095),
    ('longer_line', 'secret', b'x' * 4096 + b'\n', '--file'),
    ('much_longer_line', 'secret', b'x' * 200000 + b'\n', '--multiline'),
    ('pasted_lines', 'secret', b'first\nsecond\n', '--multiline'),
    ('pasted_key', 'secret', PEM, '--multiline'),
    ('first_line_of_a_key', 'secret', PEM.split(b'\n')[0] + b'\n', '--file'),
    ('key_as_lines', 'lines', PEM + b'\x04', PEM),
    ('long_lines', 'lines', b'y' * 6000 + b'\n' + b'z' * 60000 + b'\x04', b'y' * 6000 + b'\n' + b'z' * 60000),
    ('too_much', 'lines', b'y' * (1 << 20) + b'z', 'more than 1048576 bytes'),
    ('corrections', 'secret', b'wrong\x15pass w\xc3\xb6\x7f\x7fbad\x17word\n', b'pass word'),
    ('every_byte', 'secret', b''.join(b'\x16' + bytes([c]) for c in range(1, 256) if c not in b'\x03\x1c\x1a\x11\x13\r\n')
        + b'\n', bytes(c for c in range(1, 256) if c not in b'\x03\x1c\x1a\x11\x13\r\n')),
]:
    scenarios.append((name, answers(mode, data, expected)))


@scenario
def typed_before_the_next_question_is_neither_shown_nor_lost_without_a_word(start):
    job = start(COMMAND + ['two'])
    job.expect(b'ask: ')
    job.type(b'one-typed\n')
    job.expect(b'between')
    job.type(b'early-typed\n')
    job.expect(b'(what was typed before this question is not taken)')
    job.expect(b'ask: ', 2)
    job.type(b'two-typed\n')
    job.expect(b'got ', 2)
    assert job.end() == 0
    assert b'typed\r' not in job.seen and b'early' not in job.seen, job.seen
    assert b'two-typed'.hex().encode() in job.seen, job.seen


@scenario
def a_terminal_that_goes_away_is_no_answer(start):
    for environment in ({}, {'NOHUP': 'yes'}):
        result = '/tmp/terminal-%d' % os.getpid()
        job = start(['sh', '-c', '"$@" 2>%s >%s; echo $? >>%s' % ((result,) * 3), 'sh'] + COMMAND + ['secret'], environment)
        job.expect(b'ask: ')
        job.type(b'half')
        job.hang_up()
        if environment:
            said = open(result).read()
            assert 'got' not in said and 'nothing was entered' in said, said
        os.path.exists(result) and os.remove(result)


run(scenarios)
