// Commands that the configuration must allow before anybody may use them: DEBUG, MODULE LOAD.
#ifndef PORO_SERVER_GUARD_H
#define PORO_SERVER_GUARD_H

struct call;

// Why the command may not run, with its "ERR "; NULL when it may.
const char *guard_objection(const struct call *call);

#endif
