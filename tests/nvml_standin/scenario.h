/* A stand-in for the NVIDIA driver's management library: what its devices do, as a text file tells it.
 *
 * One statement a line, words separated by blanks, `#` begins a comment:
 *
 *   clock virtual | clock real SECONDS     the scenario's time: set by the test, or CLOCK_MONOTONIC less SECONDS
 *   driver WORD                            version of the driver
 *   log PATH                               append each call to a file: SYMBOL GPU
 *   order GPU...                           the order in which the driver numbers the GPUs (default: as declared)
 *
 *   gpu N                                  declares GPU number N; all that follow are optional
 *   gpu N name REST OF LINE | uuid WORD | pci WORD | capability MAJOR MINOR | mig 1
 *   gpu N memory TOTAL USED RESERVED       in MiB
 *   gpu N limit WATTS | slowdown CELSIUS | clockmax MHZ
 *   gpu N process PID MIB                  MIB -1: not available, as on Windows desktops
 *   gpu N power|utilization|temperature|clock|reasons SERIES
 *   gpu N step MS [PHASE]                  the energy counter moves at multiples of this, plus PHASE ms (default 100)
 *   gpu N sensor WINDOW UPDATE             ms: instant power is the mean of the last WINDOW of each UPDATE (default 0 0)
 *   gpu N reset SECONDS | stuck SECONDS    the counter starts over, or stands still, from then on
 *   gpu N jump SECONDS JOULES | scale FACTOR   the counter leaps, or counts wrongly by a factor
 *   gpu N module                           fields answer for the module scope only
 *
 *   SERIES is START:VALUE... [repeat=SECONDS]: each value holds from its start to the next. Power is in watts; energy
 *   is its exact integral.
 *
 *   fail SYMBOL GPU CODE [from=S] [to=S] [calls=K]      SYMBOL and GPU may be *; field:ID is one value of a call;
 *                                                       only the first K calls fail where calls= is given
 *   delay SYMBOL GPU MS | hang SYMBOL GPU | freeze SYMBOL GPU | crash SYMBOL GPU     [from=S] [to=S] [calls=K]
 *                                                       hang: signals do nothing; freeze: state D in the process table
 *
 * The file is named by TOKEN_DESK_NVML_SCENARIO and read again when it changes; write another and rename it.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

enum { MOST_GPUS = 16, MOST_POINTS = 2048, MOST_RULES = 64, MOST_PROCESSES = 16 };

typedef struct {
    int count;
    double start[MOST_POINTS], value[MOST_POINTS];
    double repeat; /* seconds, 0: does not */
} Series;

typedef struct {
    unsigned pid;
    long long mib;
} Process;

typedef struct {
    int declared, number;
    char name[128], uuid[64], pci[32];
    int major, minor, mig, module;
    double total_mib, used_mib, reserved_mib;
    double limit, slowdown, clock_max; /* watts, celsius, MHz; below 0: not supported */
    double step, phase, window, update; /* seconds */
    double reset_at, stuck_at, jump_at, jump_joules, scale;
    int processes;
    Process process[MOST_PROCESSES];
    Series power, utilization, temperature, clock, reasons;
} Gpu;

typedef struct {
    enum { FAIL, DELAY, HANG, FREEZE, CRASH } kind;
    char symbol[64];
    int gpu; /* -1: any */
    double number; /* the code of a failure, the milliseconds of a delay */
    double from, to;
    int calls; /* below 0: no limit */
} Rule;

typedef struct {
    int is_virtual;
    double origin;
    char driver[64], log[256];
    int order[MOST_GPUS], count;
    Gpu gpu[MOST_GPUS];
    int rules;
    Rule rule[MOST_RULES];
} Scenario;

/* The scenario as its file tells it now. */
Scenario *scenario(void);

/* Seconds on the scenario's clock. A test that runs on the virtual clock sets and reads it. */
double standin_now(void);
void standin_set_now(double seconds);

/* What a call meets before it answers: it is logged, delayed, hung, crashed; the NVML code of a failure, else 0. */
int meet(const char *symbol, const Gpu *gpu);

double value_at(const Series *series, double t);
double joules_counted(const Gpu *gpu, double t);
double watts_instant(const Gpu *gpu, double t);
double watts_mean(const Gpu *gpu, double t);

#endif
