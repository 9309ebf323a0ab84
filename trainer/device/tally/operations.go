package tally

import "github.com/pairloom/pairloom/trainer/device"

// The operations below take no memory of their own, and nothing is done.

func (d *Device) Write(device.Buffer, []float32)   {}
func (d *Device) WriteInts(device.Buffer, []int32) {}
func (d *Device) WriteBytes(device.Buffer, []byte) {}
func (d *Device) Mark() device.Mark                { return 0 }
func (d *Device) Wait(device.Mark) error           { return nil }
func (d *Device) Sync() error                      { return nil }
func (d *Device) Close() error                     { return nil }

func (d *Device) Convert(device.Buffer, device.Buffer)                                {}
func (d *Device) Pixels(device.Buffer, device.Buffer, int, int, device.Normalization) {}
func (d *Device) MatMul(device.Buffer, device.Buffer, device.Buffer, int, int, int, bool, bool, float32) {
}
func (d *Device) Linear(device.Buffer, device.Buffer, device.Buffer, int, int, int, device.Epilogue) {
}
func (d *Device) LinearBackward(device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.Buffer, int, int, int, device.BackwardEpilogue) {
}
func (d *Device) Bias(device.Buffer, device.Buffer, int, int)     {}
func (d *Device) Fill(device.Buffer, float32)                     {}
func (d *Device) Sum(device.Buffer, device.Buffer, device.Buffer) {}
func (d *Device) Copy(device.Buffer, device.Buffer)               {}
func (d *Device) Blend(device.Buffer, device.Buffer, float32)     {}
func (d *Device) Clamp(device.Buffer, float32, float32)           {}
func (d *Device) LayerNorm(device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.Buffer, int, int, float32) {
}
func (d *Device) GELU(device.Buffer, device.Buffer, bool)                        {}
func (d *Device) GELUBackward(device.Buffer, device.Buffer, device.Buffer, bool) {}
func (d *Device) Attention(device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.AttentionShape) {
}
func (d *Device) Gather(device.Buffer, device.Buffer, device.Buffer, int, int, float32) {}
func (d *Device) Patchify(device.Buffer, device.Buffer, int, int, int)                  {}
func (d *Device) Unfold(device.Buffer, device.Buffer, int, int)                         {}
func (d *Device) RunningStats(device.Buffer, device.Running, int, float32)              {}
func (d *Device) BatchNorm(device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.Buffer, int, int, bool) {
}
func (d *Device) AvgPool(device.Buffer, device.Buffer, int, int, int)                  {}
func (d *Device) AvgPoolBackward(device.Buffer, device.Buffer, int, int, int, float32) {}
func (d *Device) MeanToken(device.Buffer, device.Buffer, int, int, int)                {}
func (d *Device) MeanTokenBackward(device.Buffer, device.Buffer, int, int, int)        {}
func (d *Device) Normalize(device.Buffer, device.Buffer, device.Buffer, int, int)      {}
func (d *Device) NormalizeBackward(device.Buffer, device.Buffer, device.Buffer, device.Buffer, int, int) {
}
func (d *Device) SquaredNorm(device.Buffer, device.Buffer) {}
func (d *Device) AdamW(device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.Buffer, device.AdamW) {
}
