/* The driver library (libcuda.so.1): enough to be found, and to say which device is there. */
#include <string.h>

int cuInit(unsigned flags) { (void)flags; return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int room, int device) { (void)device; strncpy(name, "Stub card", room); return 0; }
int cuDeviceGetUuid_v2(char uuid[16], int device) { (void)device; memset(uuid, 0x5b, 16); return 0; }
/* Describes a tile to the copy engine of Hopper and later; only a kernel would read the description. */
int cuTensorMapEncodeTiled(void) { return 0; }
