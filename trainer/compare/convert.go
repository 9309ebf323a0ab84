package compare

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/pairloom/pairloom/trainer/evaluate"
)

// convertedBytes is the most that converted pictures may take in memory.
const convertedBytes = 256 << 20

// remembering keeps what convert makes, by the hash of the picture, since every
// point of every run sees the same pictures. Several goroutines may call it.
func remembering(convert evaluate.Convert, limit int) evaluate.Convert {
	if convert == nil {
		return nil
	}
	var mu sync.Mutex
	made, held := map[[sha256.Size]byte][]byte{}, 0
	return func(ctx context.Context, data []byte) ([]byte, string, string, error) {
		key := sha256.Sum256(data)
		mu.Lock()
		jpeg, there := made[key]
		mu.Unlock()
		if there {
			return jpeg, "", "", nil
		}
		jpeg, reason, detail, err := convert(ctx, data)
		if err != nil || reason != "" {
			return jpeg, reason, detail, err
		}
		mu.Lock()
		defer mu.Unlock()
		if _, there := made[key]; !there && held+len(jpeg) <= limit {
			made[key], held = jpeg, held+len(jpeg)
		}
		return jpeg, "", "", nil
	}
}
