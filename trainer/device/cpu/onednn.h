// What oneDNN's primitives need: an engine and a stream, one pair a device.
#ifndef PAIRLOOM_ONEDNN_H
#define PAIRLOOM_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

typedef struct {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
} pl_onednn;

static inline int pl_onednn_open(pl_onednn *o) {
	int status = dnnl_engine_create(&o->engine, dnnl_cpu, 0);
	return status ? status : (int)dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags);
}

static inline void pl_onednn_close(pl_onednn *o) {
	dnnl_stream_destroy(o->stream);
	dnnl_engine_destroy(o->engine);
}

#endif
