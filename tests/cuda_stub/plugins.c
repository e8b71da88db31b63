/* What the TensorRT provider links against (libcudnn.so.9, libnvinfer.so.10, libnvonnxparser.so.10). It is loaded only
 * to list every kernel that onnxruntime registers, and is never used: each call says that it has nothing. */
#define NOTHING(name) void *name(void) { return 0; }
NOTHING(createInferBuilder_INTERNAL)
NOTHING(createInferRefitter_INTERNAL)
NOTHING(createInferRuntime_INTERNAL)
NOTHING(createNvOnnxParserRefitter_INTERNAL)
NOTHING(createNvOnnxParser_INTERNAL)
NOTHING(getPluginRegistry)
NOTHING(cudnnCreate)
NOTHING(cudnnDestroy)
NOTHING(cudnnSetStream)
int getInferLibVersion(void) { return 0; }
