// After a restart: what the server has against what it must have.
#ifndef PORO_TESTS_CRASH_VERIFY_H
#define PORO_TESTS_CRASH_VERIFY_H

#include "tests/crash/test.h"

// Reads everything and compares; failures are told through test_fail. Afterwards the model goes on
// from what the server has.
void verify_all(struct test *test);

#endif
