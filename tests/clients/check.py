"""For the programs in Python: their arguments, checks as the driver counts them, a restart of the
server. See clients_test.py."""
import subprocess
import sys

PORT, AUTH_PORT, PASSWORD, KIND = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
# Whether the server has the commands that Debian's redis-server is too old for.
NEWER = KIND == "poro"
# Every byte value, and sequences that mean something to the protocol.
BINARY = bytes(range(256)) + b"\r\n$-1\r\n*0\r\n\0\xff"


def check(what, right, detail=""):
    if right:
        print("ok " + what, flush=True)
    else:
        text = str(detail).replace("\n", "\\n").replace("\r", "\\r")
        print("FAILED %s: %s" % (what, text[:1500]), flush=True)
    return right


def same(what, got, wanted):
    check(
        what,
        type(got) is type(wanted) and got == wanted,
        "%.600r, should be %.600r" % (got, wanted),
    )


def fails(what, kind, text, function, *arguments):
    """The call raises that kind of error with that text in it."""
    try:
        result = function(*arguments)
    except kind as error:
        check(what, text in str(error), str(error))
    else:
        check(what, False, "no error but %r" % (result,))


def restart():
    """Kills the server and starts it again."""
    print("restart", flush=True)
    sys.stdin.readline()


def output(command, data=None, seconds=30, status=0):
    """What a program prints; status None: however it ends. Bytes in, bytes out."""
    result = subprocess.run(
        command,
        input=data if data is not None else b"",
        timeout=seconds,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if status is not None and result.returncode != status:
        check(
            "%s ends with status %d" % (command[0], status),
            False,
            "%d %r" % (result.returncode, result.stdout[-500:]),
        )
    return result.stdout
