/* cuBLAS and cuBLASLt (libcublas.so.13, libcublasLt.so.13) without arithmetic: a matrix product is counted as work on its
 * stream, everything else succeeds. Built once per library; both call into runtime.c, as the real ones do. */
#include <stdlib.h>
#include <string.h>

typedef int status;
typedef void *stream;
status cuda_stub_gemm(stream on);

enum { SUCCESS = 0, EXECUTION_FAILED = 13 };
static status product(stream on) { return cuda_stub_gemm(on) ? EXECUTION_FAILED : SUCCESS; }

/* Calls that only set something up, and whose outcome nothing here depends on. */
#define SUCCEED(name) status name(void) { return SUCCESS; }
/* A handle or descriptor is memory of our own, big enough to be told apart. */
#define CREATE(name) status name(void **made) { *made = calloc(1, 64); return SUCCESS; }
#define DESTROY(name) status name(void *made) { free(made); return SUCCESS; }

#ifdef CUBLAS
struct handle { stream on; };
CREATE(cublasCreate_v2)
DESTROY(cublasDestroy_v2)
status cublasSetStream_v2(struct handle *handle, stream on) { handle->on = on; return SUCCESS; }
status cublasGetMathMode(struct handle *handle, int *mode) { (void)handle; *mode = 0; return SUCCESS; }
SUCCEED(cublasSetMathMode)
const char *cublasGetStatusName(status code) { return code ? "CUBLAS_STATUS_EXECUTION_FAILED" : "CUBLAS_STATUS_SUCCESS"; }
const char *cublasGetStatusString(status code) { return code ? "the function failed to launch on the GPU" : "success"; }

#define PRODUCT(name) status name(struct handle *handle) { return product(handle->on); }
PRODUCT(cublasSgemm_v2)
PRODUCT(cublasDgemm_v2)
PRODUCT(cublasGemmEx)
PRODUCT(cublasSgemmBatched)
PRODUCT(cublasDgemmBatched)
PRODUCT(cublasGemmBatchedEx)
PRODUCT(cublasSgemmStridedBatched)
PRODUCT(cublasDgemmStridedBatched)
PRODUCT(cublasGemmStridedBatchedEx)
PRODUCT(cublasSgeam)
PRODUCT(cublasDgeam)
PRODUCT(cublasSgetrfBatched)
PRODUCT(cublasDgetrfBatched)
PRODUCT(cublasSgetriBatched)
PRODUCT(cublasDgetriBatched)
PRODUCT(cublasScopy_v2)
PRODUCT(cublasSscal_v2)
#endif

#ifdef CUBLAS_LT
CREATE(cublasLtCreate)
DESTROY(cublasLtDestroy)
CREATE(cublasLtMatmulDescCreate)
DESTROY(cublasLtMatmulDescDestroy)
SUCCEED(cublasLtMatmulDescSetAttribute)
CREATE(cublasLtMatmulPreferenceCreate)
DESTROY(cublasLtMatmulPreferenceDestroy)
SUCCEED(cublasLtMatmulPreferenceSetAttribute)
CREATE(cublasLtMatrixLayoutCreate)
DESTROY(cublasLtMatrixLayoutDestroy)
SUCCEED(cublasLtMatrixLayoutSetAttribute)
CREATE(cublasLtMatrixTransformDescCreate)
DESTROY(cublasLtMatrixTransformDescDestroy)
SUCCEED(cublasLtMatmulAlgoInit)
SUCCEED(cublasLtMatmulAlgoConfigSetAttribute)

/* cublasLtMatmulHeuristicResult_t: 96 bytes, all zero says: an algorithm that needs no workspace. */
status cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d, void *preference,
                                      int wanted, char *results, int *found) {
    (void)handle, (void)operation, (void)a, (void)b, (void)c, (void)d, (void)preference;
    *found = wanted > 0;
    if (*found) memset(results, 0, 96);
    return SUCCESS;
}
status cublasLtMatmul(void *handle, void *operation, const void *alpha, const void *a, void *a_layout, const void *b,
                      void *b_layout, const void *beta, const void *c, void *c_layout, void *d, void *d_layout,
                      const void *algorithm, void *workspace, size_t workspace_bytes, stream on) {
    (void)handle, (void)operation, (void)alpha, (void)a, (void)a_layout, (void)b, (void)b_layout, (void)beta, (void)c,
        (void)c_layout, (void)d, (void)d_layout, (void)algorithm, (void)workspace, (void)workspace_bytes;
    return product(on);
}
status cublasLtMatrixTransform(void *handle, void *operation, const void *alpha, const void *a, void *a_layout,
                               const void *beta, const void *b, void *b_layout, void *c, void *c_layout, stream on) {
    (void)handle, (void)operation, (void)alpha, (void)a, (void)a_layout, (void)beta, (void)b, (void)b_layout, (void)c,
        (void)c_layout;
    return product(on);
}
#endif
