#!/usr/bin/env python3
# Runs a program as a container with conf/seccomp-poro.json would: every system call that the profile
# does not name fails with EPERM. Proves, without a container, that the profile suffices.
#
#   under_seccomp.py [--kill] [--without CALL] PROGRAM [ARGUMENT...]     (x86-64; no privileges needed)
#
# With --kill a call that is not named kills the program, so that none is overlooked because the
# program copes with its failure. --without takes one system call out of the profile.

import ctypes
import json
import os
import re
import struct
import sys

PROFILE = os.path.join(os.path.dirname(__file__), "../../conf/seccomp-poro.json")
NUMBERS = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
AUDIT_ARCH_X86_64 = 0xC000003E
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
ALLOW, EPERM, KILL = 0x7FFF0000, 0x00050001, 0x80000000
# Classic BPF on struct seccomp_data {int nr; u32 arch; ...}: see seccomp(2).
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06


def numbers():
    with open(NUMBERS) as file:
        return {name: int(number) for name, number in
                re.findall(r"#define __NR_(\w+) (\d+)", file.read())}


def allowed(without):
    known = numbers()
    with open(PROFILE) as file:
        profile = json.load(file)
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO" and profile["defaultErrnoRet"] == 1
    names = set()
    for group in profile["syscalls"]:
        assert group["action"] == "SCMP_ACT_ALLOW"
        names.update(group["names"])
    unknown = names - set(known)
    assert not unknown, f"no such system calls: {sorted(unknown)}"
    return sorted(known[name] for name in names if name != without)


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("HBBI", code, if_true, if_false, value)


def install(calls, otherwise):
    program = [instruction(LOAD, 4), instruction(JUMP_EQUAL, AUDIT_ARCH_X86_64, 1, 0),
               instruction(RETURN, KILL), instruction(LOAD, 0)]
    for number in calls:
        program += [instruction(JUMP_EQUAL, number, 0, 1), instruction(RETURN, ALLOW)]
    program.append(instruction(RETURN, otherwise))
    code = ctypes.create_string_buffer(b"".join(program))
    filter_program = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_char_p(filter_program), 0, 0) != 0:
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")


def main():
    arguments = sys.argv[1:]
    kill = arguments[:1] == ["--kill"]
    arguments = arguments[1:] if kill else arguments
    without = None
    if arguments[:1] == ["--without"]:
        without = arguments[1]
        arguments = arguments[2:]
    if not arguments:
        sys.exit("usage: under_seccomp.py [--kill] [--without CALL] PROGRAM [ARGUMENT...]")
    install(allowed(without), KILL if kill else EPERM)
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main()
