/* serve: the running server, as main and the tools see it. */
#ifndef WEIR_SERVE_H
#define WEIR_SERVE_H

#include "mods.h"

enum serve_mode { SERVE_FOREGROUND, SERVE_DAEMON, SERVE_DEBUG /* -X: one worker, foreground */ };
/* Serves until told to stop; takes over the reference to s. The exit status. */
int serve_run(const struct conf_options *o, struct snapshot *s, enum serve_mode mode);
/* -k stop|restart|graceful|graceful-stop: signals the process in PidFile. The exit status, or SERVE_CONTROL_START: none
 * runs and the verb starts one, as httpd's restart and graceful do. */
#define SERVE_CONTROL_START (-1)
int serve_control(const struct snapshot *s, const char *verb);

#endif
