module harpoon.dev/test/exapp

go 1.21
