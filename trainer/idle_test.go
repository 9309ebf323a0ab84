package trainer

import (
	"testing"
	"time"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// BenchmarkIdle trains vit-micro and tells what share of a step the device waits for
// the host: what its own profile of operations leaves of the time, once the pictures
// are decoded. Data that is late counts as well, so that it means something only where
// the loader has a processor of its own.
func BenchmarkIdle(b *testing.B) {
	for _, precision := range []string{"fp32", precisionBF16} {
		b.Run(precision, func(b *testing.B) {
			dir := b.TempDir()
			writeShards(b, dir, 300)
			o := small()
			o.Model, o.Precision, o.Batch, o.CheckpointEvery, o.Steps, o.CacheMB = "vit-micro", precision, 64, 1<<30, int64(b.N)+5, 100
			r, err := newRun(dir, o)
			if err != nil {
				b.Fatal(err)
			}
			defer r.close()
			if err := r.restore(); err != nil {
				b.Fatal(err)
			}
			if err := r.begin(); err != nil {
				b.Fatal(err)
			}
			profiler := r.device.(device.Strict).Device.(*cpu.Device)
			var began time.Time
			var busy, whole time.Duration
			profile := func() (sum time.Duration) {
				shares, err := profiler.Profile()
				if err != nil {
					b.Fatal(err)
				}
				for _, s := range shares {
					sum += s.Time
				}
				return sum
			}
			waited := 0.0
			err = r.loop(b.Context(), func(s Step) {
				switch s.Step {
				case 5: // the profile drains the queue: only here, and at the end
					profile()
					began = time.Now()
				case s.Total:
					busy, whole, waited = profile(), time.Since(began), s.DataWait
				}
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(100*(1-busy.Seconds()/whole.Seconds()), "%idle")
			b.ReportMetric(100*waited, "%data")
			b.ReportMetric(whole.Seconds()/float64(b.N)*1e3, "ms/step")
		})
	}
}
