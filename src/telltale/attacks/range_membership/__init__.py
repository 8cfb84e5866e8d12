"""Range membership: was any record within this range trained on? (RaMIA, Tao & Shokri, SaTML 2025)."""
