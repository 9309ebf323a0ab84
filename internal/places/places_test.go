package places

import "testing"

func FuzzPlace(f *testing.F) {
	f.Add("file 1b2f5e0c9a8d7e61 - /data/cats/1 2.jpg")
	f.Add("bytes 1b2f5e0c9a8d7e61 1536+20480 /data/0.tar")
	f.Add("parquet 1b2f5e0c9a8d7e61 3/17/2 /data/0.parquet")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("%q became %q: %v", text, p.String(), err)
		}
	})
}
