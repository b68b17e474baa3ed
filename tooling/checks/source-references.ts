import ts from 'typescript';

export interface SourceReferences {
  /** What the file imports or re-exports, types and dynamic imports of literals included, as written. */
  readonly imports: readonly string[];
  /** Names of the WebGPU API that the code uses: `GPUDevice`, `navigator.gpu`. */
  readonly webgpuNames: readonly string[];
}

/** Reads a TypeScript file for what it refers to; comments and strings do not count. */
export function sourceReferences(path: string, text: string): SourceReferences {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const imports = new Set<string>();
  const webgpuNames = new Set<string>();
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      if (ts.isStringLiteral(node.moduleSpecifier)) imports.add(node.moduleSpecifier.text);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier !== undefined && ts.isStringLiteral(specifier)) imports.add(specifier.text);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) imports.add(node.argument.literal.text);
    } else if (ts.isIdentifier(node) && /^GPU[A-Z]\w*$/.test(node.text)) {
      webgpuNames.add(node.text);
    } else if (ts.isPropertyAccessExpression(node) && node.name.text === 'gpu') {
      if (ts.isIdentifier(node.expression) && node.expression.text === 'navigator') webgpuNames.add('navigator.gpu');
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { imports: [...imports], webgpuNames: [...webgpuNames] };
}
