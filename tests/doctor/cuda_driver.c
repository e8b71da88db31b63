/* A CUDA driver library (libcuda.so.1) that answers as its environment says:
 *   DRIVER_ERROR what cuInit returns, DRIVER_VERSION such as 13000, DRIVER_CARDS, DRIVER_CAPABILITY such as 89,
 *   DRIVER_CRASH and DRIVER_HANG make cuInit do so. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int told(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

int cuInit(unsigned flags) {
    (void)flags;
    if (told("DRIVER_CRASH", 0)) raise(SIGSEGV);
    while (told("DRIVER_HANG", 0)) pause();
    return told("DRIVER_ERROR", 0);
}
int cuDriverGetVersion(int *version) { *version = told("DRIVER_VERSION", 13000); return 0; }
int cuDeviceGetCount(int *count) { *count = told("DRIVER_CARDS", 1); return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int room, int device) { (void)device; strncpy(name, "Plain card", room); return 0; }
int cuDeviceGetUuid_v2(char uuid[16], int device) { memset(uuid, 0x10 + device, 16); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    int capability = told("DRIVER_CAPABILITY", 89);
    *value = attribute == 75 ? capability / 10 : capability % 10;
    return attribute == 75 || attribute == 76 ? 0 : 1;
}
