/* What the TensorRT provider links against. It is loaded only to list every kernel that onnxruntime registers, and is
 * never used. */
int cudnnCreate(void **handle) { *handle = 0; return 1; }
int cudnnDestroy(void *handle) { (void)handle; return 0; }
int cudnnSetStream(void *handle, void *on) { (void)handle, (void)on; return 0; }
int getInferLibVersion(void) { return 0; }
void *getPluginRegistry(void) { return 0; }
