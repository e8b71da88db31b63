/* The library's own face: the symbols that pynvml looks up, each answering from the scenario.
 *
 * Two builds: with all symbols, and with -DDRIVER_535 without those that a driver 535 does not have yet. Version words
 * of structs are checked as the real library does (code 25).
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "scenario.h"

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    VERSION_MISMATCH = 25,
};

typedef int Code;
typedef Gpu *Handle;

/* Handles point here and not into the scenario, which may be read anew at any call. */
static Gpu places[MOST_GPUS];
static int opened;

/* What each call on a device does first. The handle's GPU as the scenario has it now, or the code to return. */
static Code enter(const char *symbol, Handle handle, Gpu **gpu) {
    Scenario *now = scenario();
    if (!opened) return UNINITIALIZED;
    if (!handle || handle < places || handle >= places + MOST_GPUS) return INVALID_ARGUMENT;
    *gpu = &now->gpu[handle - places];
    Code code = meet(symbol, *gpu);
    return code ? code : (*gpu)->declared ? SUCCESS : INVALID_ARGUMENT;
}

#define ENTER(symbol)                             \
    Gpu *gpu;                                     \
    Code refused = enter(symbol, handle, &gpu);   \
    if (refused) return refused

#define UNLESS_SUPPORTED(value) \
    if ((value) < 0) return NOT_SUPPORTED

static Code write_text(char *out, unsigned room, const char *text) {
    if (strlen(text) >= room) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

static uint64_t rounded(double value) {
    return value <= 0 ? 0 : (uint64_t)(value + 0.5);
}

/* ---- the library */

Code nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    scenario();
    Code code = meet("nvmlInitWithFlags", NULL);
    if (code == SUCCESS) opened++;
    return code;
}

Code nvmlInit_v2(void) {
    return nvmlInitWithFlags(0);
}

Code nvmlShutdown(void) {
    scenario();
    Code code = meet("nvmlShutdown", NULL);
    if (!opened) return UNINITIALIZED;
    opened--;
    return code;
}

const char *nvmlErrorString(Code code) {
    static char text[32];
    snprintf(text, sizeof text, "code %d", code);
    return text;
}

static Code version_text(const char *symbol, char *out, unsigned room) {
    Scenario *now = scenario();
    Code code = meet(symbol, NULL);
    return code ? code : write_text(out, room, now->driver);
}

Code nvmlSystemGetDriverVersion(char *out, unsigned room) {
    return version_text("nvmlSystemGetDriverVersion", out, room);
}

Code nvmlSystemGetNVMLVersion(char *out, unsigned room) {
    return version_text("nvmlSystemGetNVMLVersion", out, room);
}

Code nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = 13000;
    return meet("nvmlSystemGetCudaDriverVersion_v2", NULL);
}

/* ---- finding devices */

static Code found(const char *symbol, int number, Handle *handle) {
    Code code = meet(symbol, &scenario()->gpu[number]);
    if (code == SUCCESS) *handle = &places[number];
    return code;
}

Code nvmlDeviceGetCount_v2(unsigned *count) {
    Scenario *now = scenario();
    if (!opened) return UNINITIALIZED;
    *count = now->count;
    return meet("nvmlDeviceGetCount_v2", NULL);
}

Code nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle *handle) {
    Scenario *now = scenario();
    if (!opened) return UNINITIALIZED;
    if ((int)index >= now->count) return INVALID_ARGUMENT;
    return found("nvmlDeviceGetHandleByIndex_v2", now->order[index], handle);
}

Code nvmlDeviceGetHandleByUUID(const char *uuid, Handle *handle) {
    Scenario *now = scenario();
    if (!opened) return UNINITIALIZED;
    for (int i = 0; i < now->count; i++)
        if (!strcmp(now->gpu[now->order[i]].uuid, uuid)) return found("nvmlDeviceGetHandleByUUID", now->order[i], handle);
    return NOT_FOUND;
}

Code nvmlDeviceGetHandleByPciBusId_v2(const char *pci, Handle *handle) {
    Scenario *now = scenario();
    if (!opened) return UNINITIALIZED;
    /* Domains of four and of eight digits, in either case, name the same device. */
    for (int i = 0; i < now->count; i++) {
        unsigned long domain, wanted_domain;
        char rest[24], wanted_rest[24];
        if (sscanf(now->gpu[now->order[i]].pci, "%lx:%23s", &domain, rest) == 2 &&
            sscanf(pci, "%lx:%23s", &wanted_domain, wanted_rest) == 2 && domain == wanted_domain &&
            !strcasecmp(rest, wanted_rest))
            return found("nvmlDeviceGetHandleByPciBusId_v2", now->order[i], handle);
    }
    return NOT_FOUND;
}

/* ---- who a device is */

Code nvmlDeviceGetIndex(Handle handle, unsigned *index) {
    ENTER("nvmlDeviceGetIndex");
    Scenario *now = scenario();
    for (int i = 0; i < now->count; i++)
        if (now->order[i] == gpu->number) *index = i;
    return SUCCESS;
}

Code nvmlDeviceGetName(Handle handle, char *out, unsigned room) {
    ENTER("nvmlDeviceGetName");
    return write_text(out, room, gpu->name);
}

Code nvmlDeviceGetUUID(Handle handle, char *out, unsigned room) {
    ENTER("nvmlDeviceGetUUID");
    return write_text(out, room, gpu->uuid);
}

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} PciInfo;

Code nvmlDeviceGetPciInfo_v3(Handle handle, PciInfo *info) {
    ENTER("nvmlDeviceGetPciInfo_v3");
    memset(info, 0, sizeof *info);
    return write_text(info->bus_id, sizeof info->bus_id, gpu->pci);
}

Code nvmlDeviceGetCudaComputeCapability(Handle handle, int *major, int *minor) {
    ENTER("nvmlDeviceGetCudaComputeCapability");
    *major = gpu->major;
    *minor = gpu->minor;
    return SUCCESS;
}

Code nvmlDeviceGetMigMode(Handle handle, unsigned *is, unsigned *pending) {
    ENTER("nvmlDeviceGetMigMode");
    *is = *pending = gpu->mig;
    return SUCCESS;
}

/* ---- energy and power */

Code nvmlDeviceGetTotalEnergyConsumption(Handle handle, unsigned long long *millijoules) {
    ENTER("nvmlDeviceGetTotalEnergyConsumption");
    *millijoules = rounded(joules_counted(gpu, standin_now()) * 1e3);
    return SUCCESS;
}

/* The mean of a second from Ampere on, except GA100, which is capability 8.0. */
Code nvmlDeviceGetPowerUsage(Handle handle, unsigned *milliwatts) {
    ENTER("nvmlDeviceGetPowerUsage");
    int averaged = gpu->major > 8 || (gpu->major == 8 && gpu->minor > 0);
    double t = standin_now();
    *milliwatts = rounded((averaged ? watts_mean(gpu, t) : watts_instant(gpu, t)) * 1e3);
    return SUCCESS;
}

enum { FIELD_ENERGY = 83, FIELD_AVERAGE = 185, FIELD_INSTANT = 186 };
enum { TYPE_UNSIGNED = 1, TYPE_LONG_LONG = 3 };

typedef struct {
    uint32_t field, scope;
    int64_t timestamp, latency;
    uint32_t type, code;
    uint64_t value;
} FieldValue;

static Code answer_field(const Gpu *gpu, FieldValue *asked) {
    char symbol[24];
    snprintf(symbol, sizeof symbol, "field:%u", asked->field);
    Code code = meet(symbol, gpu);
    if (code) return code;
    if (asked->scope != (gpu->module ? 1u : 0u)) return NOT_SUPPORTED;
    double t = standin_now();
    asked->type = TYPE_UNSIGNED;
    switch (asked->field) {
    case FIELD_ENERGY:
        asked->type = TYPE_LONG_LONG;
        asked->value = rounded(joules_counted(gpu, t) * 1e3);
        return SUCCESS;
    case FIELD_AVERAGE:
        asked->value = rounded(watts_mean(gpu, t) * 1e3);
        return SUCCESS;
    case FIELD_INSTANT:
        asked->value = rounded(watts_instant(gpu, t) * 1e3);
        return SUCCESS;
    default:
        return NOT_SUPPORTED;
    }
}

/* Succeeds also where fields fail; those hold a number that looks quite possible. */
Code nvmlDeviceGetFieldValues(Handle handle, int count, FieldValue *values) {
    ENTER("nvmlDeviceGetFieldValues");
    for (int i = 0; i < count; i++) {
        values[i].value = 99999;
        values[i].type = TYPE_UNSIGNED;
        values[i].code = answer_field(gpu, &values[i]);
        if (values[i].code) values[i].value = 99999;
    }
    return SUCCESS;
}

Code nvmlDeviceGetEnforcedPowerLimit(Handle handle, unsigned *milliwatts) {
    ENTER("nvmlDeviceGetEnforcedPowerLimit");
    UNLESS_SUPPORTED(gpu->limit);
    *milliwatts = rounded(gpu->limit * 1e3);
    return SUCCESS;
}

Code nvmlDeviceGetPowerManagementLimit(Handle handle, unsigned *milliwatts) {
    ENTER("nvmlDeviceGetPowerManagementLimit");
    UNLESS_SUPPORTED(gpu->limit);
    *milliwatts = rounded(gpu->limit * 1e3);
    return SUCCESS;
}

/* ---- the slower fields */

typedef struct {
    unsigned gpu, memory;
} Utilization;

Code nvmlDeviceGetUtilizationRates(Handle handle, Utilization *rates) {
    ENTER("nvmlDeviceGetUtilizationRates");
    rates->gpu = (unsigned)value_at(&gpu->utilization, standin_now());
    rates->memory = 0;
    return SUCCESS;
}

typedef struct {
    unsigned long long total, free, used;
} MemoryV1;

typedef struct {
    unsigned version;
    unsigned long long total, reserved, free, used;
} MemoryV2;

static const double MIB = 1 << 20;

/* The old call counts what the driver reserved as used. */
Code nvmlDeviceGetMemoryInfo(Handle handle, MemoryV1 *memory) {
    ENTER("nvmlDeviceGetMemoryInfo");
    memory->total = rounded(gpu->total_mib * MIB);
    memory->used = rounded((gpu->used_mib + gpu->reserved_mib) * MIB);
    memory->free = memory->total > memory->used ? memory->total - memory->used : 0;
    return SUCCESS;
}

Code nvmlDeviceGetMemoryInfo_v2(Handle handle, MemoryV2 *memory) {
    ENTER("nvmlDeviceGetMemoryInfo_v2");
    if (memory->version != (sizeof *memory | 2u << 24)) return VERSION_MISMATCH;
    memory->total = rounded(gpu->total_mib * MIB);
    memory->reserved = rounded(gpu->reserved_mib * MIB);
    memory->used = rounded(gpu->used_mib * MIB);
    memory->free = memory->total > memory->used ? memory->total - memory->used - memory->reserved : 0;
    return SUCCESS;
}

Code nvmlDeviceGetTemperature(Handle handle, int sensor, unsigned *celsius) {
    (void)sensor;
    ENTER("nvmlDeviceGetTemperature");
    *celsius = (unsigned)value_at(&gpu->temperature, standin_now());
    return SUCCESS;
}

#ifndef DRIVER_535
typedef struct {
    unsigned version;
    int sensor, celsius;
} TemperatureV1;

Code nvmlDeviceGetTemperatureV(Handle handle, TemperatureV1 *temperature) {
    ENTER("nvmlDeviceGetTemperatureV");
    if (temperature->version != (sizeof *temperature | 1u << 24)) return VERSION_MISMATCH;
    temperature->celsius = (int)value_at(&gpu->temperature, standin_now());
    return SUCCESS;
}
#endif

Code nvmlDeviceGetTemperatureThreshold(Handle handle, int which, unsigned *celsius) {
    ENTER("nvmlDeviceGetTemperatureThreshold");
    UNLESS_SUPPORTED(gpu->slowdown);
    *celsius = (unsigned)gpu->slowdown + (which == 0 ? 5 : 0);
    return SUCCESS;
}

Code nvmlDeviceGetClockInfo(Handle handle, int which, unsigned *mhz) {
    (void)which;
    ENTER("nvmlDeviceGetClockInfo");
    *mhz = (unsigned)value_at(&gpu->clock, standin_now());
    return SUCCESS;
}

Code nvmlDeviceGetMaxClockInfo(Handle handle, int which, unsigned *mhz) {
    (void)which;
    ENTER("nvmlDeviceGetMaxClockInfo");
    UNLESS_SUPPORTED(gpu->clock_max);
    *mhz = (unsigned)gpu->clock_max;
    return SUCCESS;
}

Code nvmlDeviceGetCurrentClocksThrottleReasons(Handle handle, unsigned long long *reasons) {
    ENTER("nvmlDeviceGetCurrentClocksThrottleReasons");
    *reasons = (unsigned long long)value_at(&gpu->reasons, standin_now());
    return SUCCESS;
}

Code nvmlDeviceGetCurrentClocksEventReasons(Handle handle, unsigned long long *reasons) {
    ENTER("nvmlDeviceGetCurrentClocksEventReasons");
    *reasons = (unsigned long long)value_at(&gpu->reasons, standin_now());
    return SUCCESS;
}

/* ---- processes */

typedef struct {
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
} ProcessInfo;

static Code write_processes(const Gpu *gpu, unsigned *count, ProcessInfo *infos) {
    unsigned room = *count;
    *count = gpu->processes;
    if ((int)room < gpu->processes) return INSUFFICIENT_SIZE;
    for (int i = 0; i < gpu->processes; i++) {
        long long mib = gpu->process[i].mib;
        infos[i] = (ProcessInfo){gpu->process[i].pid, mib < 0 ? ~0ull : (unsigned long long)mib << 20, ~0u, ~0u};
    }
    return SUCCESS;
}

Code nvmlDeviceGetComputeRunningProcesses_v3(Handle handle, unsigned *count, ProcessInfo *infos) {
    ENTER("nvmlDeviceGetComputeRunningProcesses_v3");
    return write_processes(gpu, count, infos);
}

Code nvmlDeviceGetComputeRunningProcesses_v2(Handle handle, unsigned *count, ProcessInfo *infos) {
    ENTER("nvmlDeviceGetComputeRunningProcesses_v2");
    return write_processes(gpu, count, infos);
}

Code nvmlDeviceGetGraphicsRunningProcesses_v3(Handle handle, unsigned *count, ProcessInfo *infos) {
    (void)infos;
    ENTER("nvmlDeviceGetGraphicsRunningProcesses_v3");
    *count = 0;
    return SUCCESS;
}
