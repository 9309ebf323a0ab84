package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
)

// pictureSide is that of the made-up pictures, as fetch keeps them.
const pictureSide = 256

// makeShards writes a dataset of made-up pairs: pictures of 256 pixels a side with as much
// to decode as photos have, and captions of as many words as alt texts.
func makeShards(dir string, pairs int) error {
	pictures := make([][]byte, pairs)
	var group sync.WaitGroup
	var fault error
	var once sync.Once
	workers := runtime.NumCPU()
	for w := range workers {
		group.Go(func() {
			for i := w; i < pairs; i += workers {
				var b bytes.Buffer
				if err := jpeg.Encode(&b, drawPicture(i), &jpeg.Options{Quality: 90}); err != nil {
					once.Do(func() { fault = err })
					return
				}
				pictures[i] = b.Bytes()
			}
		})
	}
	if group.Wait(); fault != nil {
		return fault
	}
	folder := filepath.Join(dir, shard.ShardsFolder)
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		return err
	}
	words := []string{"red", "green", "house", "tree", "dog", "cat", "water", "light", "old", "small", "city", "street", "blue", "garden", "two", "people"}
	for i := range pairs {
		text := "a photo of"
		for k := range 5 + i%9 {
			text += " " + words[(i*7+k*k*5+i/13)%len(words)]
		}
		if err := w.Write(&shard.Pair{PairID: uint64(i), Text: text, Image: pictures[i]}); err != nil {
			return err
		}
	}
	part, err := w.Close()
	if err != nil {
		return err
	}
	tally := shard.NewTally("shard", "pairs", "pairs")
	for range pairs {
		tally.Keep()
	}
	return shard.WriteManifest(folder, &shard.Manifest{Stage: "shard", Tally: tally, Parts: []shard.Part{part}})
}

// drawPicture is a gradient with squares and some grain.
func drawPicture(number int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, pictureSide, pictureSide))
	state := uint32(number)*2654435761 + 1
	for y := range pictureSide {
		for x := range pictureSide {
			state ^= state << 13
			state ^= state >> 17
			state ^= state << 5
			grain := byte(state) & 15
			at, square := m.PixOffset(x, y), byte((x/32*y/32*(number%7+1))&63)
			m.Pix[at], m.Pix[at+1], m.Pix[at+2], m.Pix[at+3] = byte(x/2+number%90)+grain, byte(y/2)+square+grain, byte((x+y)/4+number%50)+grain, 255
		}
	}
	return m
}

// train trains on shards for a while, as pairloom train does.
func (s settings) train(dir, model string, batch int) error {
	if err := os.RemoveAll(filepath.Join(dir, shard.CheckpointsFolder)); err != nil {
		return err
	}
	o := trainer.Options{
		Model: model, Epochs: 1 << 20, Batch: batch, LearningRate: 5e-4, Warmup: 1000, WeightDecay: decay,
		Beta1: beta1, Beta2: beta2, Epsilon: epsilon, GradClip: 1, Vocabulary: "public", Seed: 1, Device: s.device, Precision: s.precision,
		CheckpointEvery: 1 << 30, Keep: 1, LogEvery: 1, CropScale: 0.9, CropAspect: 0.75, // decoded anew each time: CacheMB is 0
		MaxDuration: time.Duration(s.seconds * float64(time.Second)),
	}
	var last trainer.Step
	r, err := trainer.Run(context.Background(), dir, o, func(step trainer.Step) { last = step })
	if err != nil {
		return err
	}
	if r.Steps == 0 {
		return fmt.Errorf("no step was done in %g seconds", s.seconds)
	}
	text, _ := json.Marshal(last)
	fmt.Fprintf(os.Stderr, "the last step: %s\n", text)
	return s.write(result{Program: "pairloom", What: "train", Device: r.Device, Precision: s.precision, Model: model, Batch: batch, Steps: int(r.Steps),
		Seconds: r.Seconds / float64(r.Steps), PairsPerSecond: r.PairsPerSecond, Flops: r.Flops / float64(r.Steps), FlopsPerSecond: r.Flops / r.Seconds,
		Loss: r.LossLast, Data: r.DataSeconds, Compute: r.Seconds - r.DataSeconds})
}
