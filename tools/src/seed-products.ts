/** A product of the shop that `make up` opens. */
export interface SeedProduct {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly priceCents: number;
  readonly pieces: number;
  readonly tags: readonly string[];
}

const table: readonly (readonly [string, string, string, number, number, string])[] = [
  [
    'LOOM-TABLE-40',
    'Table loom, 40 cm',
    'Folding rigid heddle loom in beech, with two shuttles.',
    18_900,
    25,
    'loom beech',
  ],
  [
    'LOOM-FLOOR-90',
    'Floor loom, 90 cm',
    'Eight shafts, ten treadles, made to order in ash.',
    189_000,
    3,
    'loom ash',
  ],
  ['LOOM-INKLE', 'Inkle loom', 'For bands and belts up to 10 cm wide.', 6_450, 40, 'loom'],
  ['LOOM-FRAME-30', 'Frame loom, 30 cm', 'A first loom, for tapestry.', 2_990, 120, 'loom beginner'],
  [
    'LOOM-CARD-SET',
    'Tablet weaving cards',
    'Fifty square cards, four holes, rounded edges.',
    1_250,
    200,
    'loom beginner',
  ],
  ['SHUTTLE-BOAT-28', 'Boat shuttle, 28 cm', 'Cherry wood, open bottom, one bobbin.', 3_890, 60, 'shuttle'],
  ['SHUTTLE-STICK-40', 'Stick shuttle, 40 cm', 'Oiled beech.', 690, 250, 'shuttle'],
  ['SHUTTLE-RAG', 'Rag shuttle', 'Holds thick strips for rugs.', 1_490, 80, 'shuttle rug'],
  ['BOBBIN-10', 'Bobbins, pack of ten', 'Birch, for boat shuttles of 28 cm.', 1_190, 150, 'shuttle'],
  ['REED-40-10', 'Reed, 40 cm, 10 dents per inch', 'Stainless steel.', 4_200, 35, 'loom part'],
  ['HEDDLE-100', 'Texsolv heddles, 100', 'Polyester, 260 mm.', 1_650, 90, 'loom part'],
  ['TEMPLE-WOOD', 'Wooden temple', 'Keeps the width even; 50 to 80 cm.', 4_990, 20, 'tool'],
  ['WARP-BOARD', 'Warping board', 'For warps up to 9 m.', 7_900, 18, 'tool warp'],
  ['WARP-MILL', 'Warping mill', 'Vertical, for warps up to 20 m.', 24_500, 6, 'tool warp'],
  ['FORK-BEATER', 'Tapestry fork', 'Weighted, walnut and steel.', 3_400, 45, 'tool tapestry'],
  ['NEEDLE-TAP-6', 'Tapestry needles, six', 'Bent tips, sizes 14 to 18.', 590, 300, 'tool tapestry'],
  ['UMBRELLA-SWIFT', 'Umbrella swift', 'Birch, clamps to a table.', 5_950, 22, 'tool'],
  ['BALL-WINDER', 'Ball winder', 'Up to 115 g.', 4_490, 33, 'tool'],
  ['WHEEL-SPIN', 'Spinning wheel', 'Double drive, folds for travel.', 74_900, 5, 'spinning'],
  ['SPINDLE-DROP', 'Drop spindle', 'Maple, 48 g, for fine wool.', 1_890, 110, 'spinning beginner'],
  ['CARDERS-PAIR', 'Hand carders, pair', '72 points per inch, curved back.', 6_700, 28, 'spinning'],
  ['NIDDY-NODDY', 'Niddy-noddy', 'Skeins of two metres.', 1_790, 55, 'spinning'],
  [
    'YARN-LINEN-16',
    'Linen yarn 16/2, 250 g',
    'Line linen from Normandy, unbleached.',
    1_990,
    400,
    'yarn linen',
  ],
  ['YARN-COTTON-8', 'Cotton yarn 8/2, 225 g', 'Combed, in natural white.', 1_290, 600, 'yarn cotton'],
  ['YARN-WOOL-6', 'Rug wool 6/1, 500 g', 'Norwegian Spelsau, undyed.', 2_650, 220, 'yarn wool rug'],
  ['YARN-SILK-30', 'Silk yarn 30/2, 100 g', 'Spun mulberry silk.', 3_250, 90, 'yarn silk'],
  ['YARN-ALPACA', 'Alpaca yarn, 100 g', 'Two ply, from Peru, light grey.', 1_590, 180, 'yarn alpaca'],
  ['YARN-HEMP-12', 'Hemp yarn 12/2, 200 g', 'Strong and dry; softens with use.', 1_450, 140, 'yarn hemp'],
  [
    'WARP-SEINE-12',
    'Seine twine 12/6, 250 g',
    'Cotton warp for rugs and tapestry.',
    1_150,
    320,
    'yarn warp rug',
  ],
  ['FLEECE-MERINO', 'Merino fleece, 1 kg', 'Washed, 21 micron.', 3_900, 30, 'fibre wool'],
  ['TOPS-BFL-100', 'Bluefaced Leicester tops, 100 g', 'Combed, long staple.', 890, 260, 'fibre wool'],
  ['DYE-INDIGO', 'Indigo, 50 g', 'Natural, in powder.', 1_690, 75, 'dye'],
  ['DYE-MADDER', 'Madder root, 250 g', 'Cut, for reds from brick to rose.', 1_390, 65, 'dye'],
  ['DYE-WELD', 'Weld, 100 g', 'Dried, for the clearest yellow.', 950, 70, 'dye'],
  ['BOOK-DRAFTS', 'One thousand drafts', 'Patterns for four and eight shafts, 288 pages.', 4_500, 48, 'book'],
  ['BOOK-FIRST', 'The first cloth', 'From warp to hem in twelve lessons.', 2_200, 130, 'book beginner'],
  [
    'KIT-SCARF',
    'Kit: a scarf',
    'Yarn, pattern and two shuttles for a frame loom.',
    3_990,
    64,
    'kit beginner',
  ],
  ['KIT-TEATOWEL', 'Kit: four tea towels', 'Linen and cotton for a table loom.', 4_790, 52, 'kit linen'],
  ['VOUCHER-COURSE', 'A day at the loom', 'A course for one, in our workshop.', 12_000, 12, 'course'],
  ['LAST-PIECE', 'Antique temple, signed', 'One of a kind.', 9_900, 1, 'tool antique'],
];

export const seedProducts: readonly SeedProduct[] = table.map(
  ([sku, name, description, priceCents, pieces, tags]) => ({
    sku,
    name,
    description,
    priceCents,
    pieces,
    tags: tags.split(' '),
  }),
);
