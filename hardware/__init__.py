"""From a trained policy to a flight controller: importers, reference arithmetic, C, boards, proof."""
