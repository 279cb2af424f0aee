/* banned: functions that tamga never calls, refused by the compiler. Force-included into every
 * file. The system headers come first, so that their own declarations stay intact. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TG_BANNED(name) tg_banned_##name##_see_base_banned_h

/* Unbounded or locale-dependent. */
#undef strcpy
#define strcpy(...) TG_BANNED(strcpy)
#undef strcat
#define strcat(...) TG_BANNED(strcat)
#undef strncpy
#define strncpy(...) TG_BANNED(strncpy)
#undef strncat
#define strncat(...) TG_BANNED(strncat)
#undef sprintf
#define sprintf(...) TG_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) TG_BANNED(vsprintf)
#undef strtok
#define strtok(...) TG_BANNED(strtok)
#undef atoi
#define atoi(...) TG_BANNED(atoi)
#undef atol
#define atol(...) TG_BANNED(atol)
/* Time is a parameter: only loop/clock.c and base/sys.c look at a clock (they undefine these). */
#undef time
#define time(...) TG_BANNED(time)
#undef gettimeofday
#define gettimeofday(...) TG_BANNED(gettimeofday)
#undef clock_gettime
#define clock_gettime(...) TG_BANNED(clock_gettime)
#undef gmtime
#define gmtime(...) TG_BANNED(gmtime)
#undef localtime
#define localtime(...) TG_BANNED(localtime)
/* Blocks the loop, or hands a string to a shell. */
#undef sleep
#define sleep(...) TG_BANNED(sleep)
#undef usleep
#define usleep(...) TG_BANNED(usleep)
#undef system
#define system(...) TG_BANNED(system)
#undef popen
#define popen(...) TG_BANNED(popen)
/* Predictable names and numbers. */
#undef rand
#define rand(...) TG_BANNED(rand)
#undef random
#define random(...) TG_BANNED(random)
#undef mktemp
#define mktemp(...) TG_BANNED(mktemp)
#undef tmpnam
#define tmpnam(...) TG_BANNED(tmpnam)
