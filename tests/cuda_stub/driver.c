/* The driver library (libcuda.so.1): enough to be found, and to say which device is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int cuInit(unsigned flags) { (void)flags; return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int room, int device) { (void)device; strncpy(name, "Stub card", room); return 0; }
int cuDeviceGetUuid_v2(char uuid[16], int device) { (void)device; memset(uuid, 0x5b, 16); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    if (getenv("CUDA_STUB_SILENT")) return 1; /* CUDA_ERROR_INVALID_VALUE */
    const char *told = getenv("CUDA_STUB_CAPABILITY"); /* as runtime.c reads it */
    int capability = told ? atoi(told) : 89;
    switch (attribute) { /* numbers of CUdevice_attribute */
    case 75: *value = capability / 10; return 0; /* compute capability, major */
    case 76: *value = capability % 10; return 0; /* compute capability, minor */
    default: return 1;
    }
}
int cuDevicePrimaryCtxRetain(void **context, int device) { (void)device; *context = (void *)1; return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return 0; }
int cuCtxPushCurrent_v2(void *context) { return context == NULL; }
int cuCtxPopCurrent_v2(void **context) { *context = NULL; return 0; }

/* Memory is the runtime's to count, once a program has loaded it. */
int cuMemGetInfo_v2(size_t *available, size_t *total) {
    void *runtime = dlopen("libcudart.so.13", RTLD_NOW | RTLD_NOLOAD);
    int (*ask)(size_t *, size_t *) = runtime ? (int (*)(size_t *, size_t *))dlsym(runtime, "cudaMemGetInfo") : NULL;
    return ask ? ask(available, total) : 3;
}

/* Describes a tile to the copy engine of Hopper and later; only a kernel would read the description. */
int cuTensorMapEncodeTiled(void) { return 0; }
