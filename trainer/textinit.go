package trainer

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/gpt2"
)

// textInit stands for the content of Options.TextInit and the files beside it,
// "" for none.
func (o Options) textInit() (string, error) {
	if o.TextInit == "" {
		return "", nil
	}
	hash, err := gpt2.Hash(o.TextInit)
	if err != nil {
		return "", fmt.Errorf("train.text_init: %w", err)
	}
	return hash, nil
}

// loadText fills the text tower from Options.TextInit, and tells what of it.
func (r *run) loadText() error {
	m, err := gpt2.Read(r.options.TextInit)
	if err != nil {
		return fmt.Errorf("train.text_init: %w", err)
	}
	account, err := m.Load(r.device, r.model, r.vocabulary)
	if err != nil {
		return fmt.Errorf("train.text_init: %w", err)
	}
	r.tell(account.String())
	return nil
}
