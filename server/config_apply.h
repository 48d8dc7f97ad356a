// Putting changed settings into force while the server runs.
#ifndef PORO_SERVER_CONFIG_APPLY_H
#define PORO_SERVER_CONFIG_APPLY_H

struct call;
struct config;

// `after`: the settings as they shall be. The reply of the call waits for what they promise.
void config_apply(struct call *call, const struct config *after);

#endif
