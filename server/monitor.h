// MONITOR: connections that are shown every command.
//
// A line leaves when the reply of its command may: what it shows cannot be undone by a power cut
// any more.
#ifndef PORO_SERVER_MONITOR_H
#define PORO_SERVER_MONITOR_H

struct call;

// Shows a command that has just been executed to all monitors.
void monitor_show(struct call *call);

#endif
