"""Each prompt of each command. Arguments: a folder (see CommandPromptsTest), short or full, and the command.

Short: each prompt is stopped and goes on, and then one of the ways to end it, each of them at some prompt. Full: each way at
each prompt. Whatever it is, the store and the terminal are as before."""
import hashlib, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from terminal import run

FOLDER, FORM = sys.argv[1:3]
COMMAND = sys.argv[3:]
BEYOND = b'x' * 4096 + b'\n'
scenarios = []


def files(*folders):
    """What is stored: not the shared counters and locks."""
    found = {}
    for place, _, names in (each for folder in folders for each in os.walk(folder)):
        for name in names:
            if not name.startswith(('store.lock', 'store.generations', 'store.totals')):
                with open(os.path.join(place, name), 'rb') as file:
                    found[os.path.join(place, name)] = hashlib.sha256(file.read()).hexdigest()
    return found


def environment(asks):
    """The passphrase is in a file, unless it is what is asked for."""
    all = {'MEMGUARD_DIR': FOLDER + '/store', 'MEMGUARD_PASSPHRASE_FILE': '' if asks == 'passphrase' else FOLDER + '/passphrase'}
    token = FOLDER + '/token'
    if os.path.exists(token):
        all['SOFTHSM2_CONF'] = open(token).read().split('\n')[0]
    return all


# What is asked, the arguments, the question, what is answered before it.
PROMPTS = [
    ('passphrase', ['list'], b'passphrase: ', []),
    ('passphrase', ['init', '--dir', FOLDER + '/new'], b'new passphrase: ', []),
    ('passphrase', ['init', '--dir', FOLDER + '/new'], b'again: ', [(b'new passphrase: ', b'first-typed\n')]),
    ('new', ['rekey', '--to', 'software'], b'new passphrase: ', []),
    ('new', ['rekey', '--to', 'software'], b'again: ', [(b'new passphrase: ', b'first-typed\n')]),
    ('value', ['store', 'a'], b'value: ', []),
    ('lines', ['store', 'a', '--multiline'], b'value (end with Ctrl-D): ', []),
    ('password', ['import', 'pkcs12', FOLDER + '/some.p12'], b'password of the file: ', []),
    ('confirmation', ['cleanup'], b'not shown: ', []),
]
if os.path.exists(FOLDER + '/token'):
    URI = open(FOLDER + '/token').read().split('\n')[1]
    PROMPTS.append(('PIN', ['init', '--dir', FOLDER + '/new', '--keys', URI], b'PIN: ', []))

def types(data):
    return lambda job: job.type(data)

def signals(name):
    return lambda job: job.signal(name)

# How it ends, and the status.
ENDS = [
    ('interrupt', types(b'\x03'), 130),
    ('quit', types(b'\x1c'), 130),
    ('TERM', signals('TERM'), 143),
    ('HUP', signals('HUP'), 129),
    ('end_of_file', types(b'\x04'), 19),
    ('text_and_end_of_file', types(b'yes\x04'), 19),
    ('long_line', types(BEYOND), 19),
    ('pasted_lines', types(b'yes\nsecond\n'), 19),
    ('hang_up', None, None),
    ('typed_ahead', types(b'\x04'), 19),
]


def case(prompt, end, stops):
    asks, arguments, question, before = prompt
    name, how, expected = end
    if asks == 'lines' and name in ('long_line', 'pasted_lines', 'text_and_end_of_file'):
        how = types(b'y' * (1 << 20) + b'z') # Several lines are what it takes.

    def body(start):
        was = files(FOLDER + '/store', FOLDER + '/new')
        job = start(COMMAND + arguments, environment(asks))
        if name == 'typed_ahead':
            job.type(b'yes\n')
        for asked, answer in before:
            job.expect(asked)
            job.quiet()
            job.type(answer)
        job.expect(question)
        job.quiet()
        if stops:
            job.type(b'half')
            job.type(b'\x1a')
            job.stopped()
            job.go_on()
            job.expect(question, 2)
            job.quiet()
        if how is None:
            job.hang_up()
        else:
            how(job)
            status = job.end()
            assert status == expected, (status, job.seen)
            for noise in (b'Exception', b'null', b'a bug', b'first-typed', b'half', b'second'):
                assert noise not in job.seen, job.seen
            if status == 19:
                assert b'nothing was' in job.seen, job.seen
        now = files(FOLDER + '/store', FOLDER + '/new')
        assert now == was, 'changed: ' + ' '.join(sorted(k for k in set(was) | set(now) if was.get(k) != now.get(k)))
    scenarios.append(('_'.join(arguments[:1] + [question.decode().split(':')[0].replace(' ', '-'), name]), body))


def answered(arguments, question, answers, status, asks='value', then=None):
    def body(start):
        job = start(COMMAND + arguments, environment(asks))
        for asked, answer in zip(question, answers):
            job.expect(asked)
            job.quiet()
            job.type(answer)
        assert job.end() == status, job.seen
        if then:
            then(job)
    scenarios.append(('_'.join(arguments[:1] + ['answered', answers[0].decode().strip()]), body))


def gone(_):
    assert not [name for name in files(FOLDER + '/store') if name.endswith(('.dat', 'store.meta'))], files(FOLDER + '/store')


def kept(_):
    assert [name for name in files(FOLDER + '/store') if name.endswith('.dat')]


for i, prompt in enumerate(PROMPTS):
    for j, end in enumerate(ENDS):
        if FORM == 'full' or j == i % len(ENDS) or (end[0] == 'typed_ahead' and prompt[0] == 'confirmation'):
            case(prompt, end, FORM == 'short' and j == i % len(ENDS))
if FORM == 'full':
    for prompt in PROMPTS:
        case(prompt, ('stopped_and_end_of_file', types(b'\x04'), 19), True)
answered(['cleanup'], [b'not shown: '], [b'no\n'], 19, then=kept)
answered(['cleanup'], [b'not shown: '], [b'yes\n'], 0, then=gone)

run(scenarios)
